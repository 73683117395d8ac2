// The keys of the grid of images: those for a tile that has the focus, and those while its caption is edited.
/** @import { Grid } from "./grid.mjs" */

export const HELP =
  "Arrow keys: go. Enter: edit the caption (Enter saves, Ctrl+Enter saves and edits the next, Shift+Enter: new line, " +
  "Escape: as it was). Space: select, Ctrl+A: all. X or Delete: exclude from training or include. P: show it large, " +
  "with what is trained. /: filter.";

/**
 * What the keys do; the grid has it.
 * @typedef {object} Moves
 * @property {(step: number, selecting: boolean) => void} go by so many images
 * @property {(last: boolean, selecting: boolean) => void} goToEnd
 * @property {() => number} columns
 * @property {() => number} page rows in sight
 * @property {() => void} edit
 * @property {() => void} select
 * @property {() => void} selectAll
 * @property {() => void} selectNone
 * @property {() => void} exclude
 * @property {() => void} view
 * @property {() => void} find
 */

/**
 * @param {Grid} grid
 * @returns {Moves}
 */
export function movesOf(grid) {
  return {
    go: (step, selecting) => grid.goTo(grid.at + step, selecting),
    goToEnd: (last, selecting) => grid.goTo(last ? grid.shown.length - 1 : 0, selecting),
    columns: () => grid.rows.columns,
    page: () => grid.rows.page(),
    edit: () => grid.edit(grid.shown[grid.at]),
    select: () => grid.selectCurrent(),
    selectAll: () => grid.selectAll(true),
    selectNone: () => grid.selectAll(false),
    exclude: () => grid.excludeCurrent(),
    view: () => grid.view(grid.at),
    find: () => grid.tools.search.focus(),
  };
}

/**
 * Does what a key means on a tile.
 * @param {KeyboardEvent} event
 * @param {Moves} moves
 */
export function keyOnTile(event, moves) {
  const { key, shiftKey } = event;
  if (event.altKey || event.isComposing) return;
  const withCtrl = event.ctrlKey || event.metaKey;
  const action = withCtrl ? keysWithCtrl(shiftKey, moves)[key.toLowerCase()] : keysAlone(shiftKey, moves)[key];
  if (!action) return;
  stop(event);
  action();
}

/**
 * @param {boolean} selecting
 * @param {Moves} moves
 * @returns {Record<string, (() => void) | undefined>}
 */
function keysAlone(selecting, moves) {
  return {
    ArrowRight: () => moves.go(1, selecting),
    ArrowLeft: () => moves.go(-1, selecting),
    ArrowDown: () => moves.go(moves.columns(), selecting),
    ArrowUp: () => moves.go(-moves.columns(), selecting),
    PageDown: () => moves.go(moves.page() * moves.columns(), selecting),
    PageUp: () => moves.go(-moves.page() * moves.columns(), selecting),
    Home: () => moves.goToEnd(false, selecting),
    End: () => moves.goToEnd(true, selecting),
    Enter: moves.edit,
    F2: moves.edit,
    " ": moves.select,
    Escape: moves.selectNone,
    Delete: moves.exclude,
    x: moves.exclude,
    X: moves.exclude,
    p: moves.view,
    P: moves.view,
    "/": moves.find,
  };
}

/**
 * @param {boolean} selecting
 * @param {Moves} moves
 * @returns {Record<string, (() => void) | undefined>}
 */
function keysWithCtrl(selecting, moves) {
  return {
    a: moves.selectAll,
    home: () => moves.goToEnd(false, selecting),
    end: () => moves.goToEnd(true, selecting),
    enter: moves.edit,
  };
}

/**
 * Does what a key means in the box of a caption. `leave(kept, step)`: the caption is kept or stays as it was; then the
 * one `step` further is edited, or none for 0.
 * @param {KeyboardEvent} event
 * @param {(kept: boolean, step: number) => void} leave
 */
export function keyInCaption(event, leave) {
  const { key, shiftKey } = event;
  if (event.isComposing) return;
  const withCtrl = event.ctrlKey || event.metaKey;
  if (key === "Escape") {
    stop(event);
    leave(false, 0);
  } else if (key === "Enter" && (withCtrl || !shiftKey)) {
    stop(event);
    leave(true, withCtrl ? (shiftKey ? -1 : 1) : 0);
  } else event.stopPropagation(); // so that no letter is taken for a key of the tile
}

/**
 * In the WebUI, Ctrl+Enter generates and Escape interrupts.
 * @param {Event} event
 */
function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}
