// What dom.mjs makes elements from. For the type checker only: no page loads it.

export type Child = Node | string | false | null | undefined | Child[];

export type Properties<Element extends HTMLElement> = Listeners<Element> & Attributes;

/** `onclick` and its like; `target` is the element itself, so none of those that listen has others inside. */
type Listeners<Element> = {
  [Name in keyof HTMLElementEventMap as `on${Name}`]?: (
    event: HTMLElementEventMap[Name] & { target: Element },
  ) => unknown;
};

interface Attributes {
  [name: `aria-${string}`]: string;
  [name: `data-${string}`]: string;
  accept?: string;
  alt?: string;
  autocomplete?: "off";
  checked?: boolean;
  class?: string;
  disabled?: boolean;
  download?: string;
  for?: string;
  hidden?: boolean;
  href?: string;
  id?: string;
  inputmode?: "decimal" | "numeric";
  loading?: "lazy";
  max?: number;
  min?: number;
  multiple?: boolean;
  name?: string;
  open?: boolean;
  placeholder?: string;
  role?: string;
  rows?: number;
  scope?: "row";
  selected?: boolean;
  spellcheck?: "false";
  src?: string;
  step?: number;
  style?: string;
  tabindex?: number;
  target?: string;
  title?: string;
  type?: string;
  value?: number | string;
}

declare global {
  /** What the WebUI's own scripts offer; not there without it. */
  interface Window {
    selectCheckpoint(title: string): void;
    sdFineTuneCheckpoint?: string; // hosts/webui/lists_button.py
    switch_to_txt2img?(): void;
    showModal?(event: { target: HTMLImageElement; stopPropagation(): void }): void;
    modalZoomSet?(image: Element | null, zoomed: boolean | undefined): void;
    opts?: { js_modal_lightbox?: boolean; js_modal_lightbox_initially_zoomed?: boolean };
  }
}
