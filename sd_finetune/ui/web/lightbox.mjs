// Images full screen, through which arrow keys lead: in the WebUI's lightbox, or in one of our own without a WebUI.
import { button, h } from "./dom.mjs";

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * Links around images in `gallery` open these full screen; with a modifier key they remain links.
 * @param {HTMLElement} gallery
 */
export function openFullScreen(gallery) {
  gallery.addEventListener("click", (event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest("a");
    const image = link?.querySelector("img");
    if (!image || event.ctrlKey || event.metaKey || event.shiftKey || window.opts?.js_modal_lightbox === false) return;
    event.preventDefault();
    const images = [...gallery.querySelectorAll("img")].filter((each) => each.getClientRects().length);
    const modal = /** @type {HTMLElement | null} */ (document.querySelector("#lightboxModal"));
    if (modal && window.showModal) inWebui(modal, images, images.indexOf(image));
    else showInDialog(images, images.indexOf(image), image);
  });
}

/**
 * The WebUI's own, with our images in place of those of its gallery, which is on another tab.
 * @param {HTMLElement} modal
 * @param {HTMLImageElement[]} images
 * @param {number} place
 */
function inWebui(modal, images, place) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const until = new AbortController();
  const options = { capture: true, signal: until.signal };
  const show = () => window.showModal?.({ target: images[place], stopPropagation() {} });

  /**
   * @param {Event} event
   * @param {number} step
   */
  function turn(event, step) {
    event.stopPropagation();
    event.preventDefault();
    place = (place + step + images.length) % images.length;
    if (step) show();
  }

  document.addEventListener(
    "keydown",
    (event) => (event.key in STEPS || event.key === "s") && turn(event, STEPS[event.key] ?? 0), // s saves theirs
    options,
  );
  modal.addEventListener(
    "click",
    (event) => {
      const way = /** @type {HTMLElement} */ (event.target).closest(".modalNext, .modalPrev");
      if (way) turn(event, way.matches(".modalNext") ? 1 : -1);
    },
    options,
  );
  show();
  window.modalZoomSet?.(document.querySelector("#modalImage"), window.opts?.js_modal_lightbox_initially_zoomed);
  const closed = new MutationObserver(() => {
    if (modal.style.display !== "none") return;
    closed.disconnect();
    until.abort();
    focused?.focus();
  });
  closed.observe(modal, { attributes: true, attributeFilter: ["style"] });
}

/**
 * In one of our own; it closes by Escape or a click, and the focus is again where it was.
 * @param {{ src: string, alt: string }[]} images
 * @param {number} place the first to be shown
 * @param {Element} opener an element of the page that it is opened from
 * @param {(place: number) => void} [closed] told which one was shown last
 */
export function showInDialog(images, place, opener, closed) {
  const image = h("img", {});
  const caption = h("p", {});
  const close = () => dialog.close();
  const turn = (/** @type {number} */ step) => {
    place = (place + step + images.length) % images.length;
    Object.assign(image, { src: images[place].src, alt: images[place].alt });
    caption.textContent = images[place].alt;
  };
  const one = images.length < 2;
  /** @type {HTMLDialogElement} */
  const dialog = h(
    "dialog",
    {
      class: "sdft-lightbox",
      "aria-label": "Image viewer",
      onkeydown: (event) => event.key in STEPS && turn(STEPS[event.key]),
      onclick: (event) => /** @type {Element} */ (event.target).matches("button") || close(),
      onclose(event) {
        event.target.remove();
        closed?.(place);
      },
    },
    button("‹", () => turn(-1), { "aria-label": "Previous image", hidden: one }),
    h("figure", {}, image, caption),
    button("›", () => turn(1), { "aria-label": "Next image", hidden: one }),
    button("×", close, { "aria-label": "Close image viewer", class: "sdft-button sdft-close" }),
  );
  opener.closest("#sd_finetune_root")?.append(dialog);
  turn(0);
  dialog.showModal();
}
