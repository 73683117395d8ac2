// Draws the chart's axes and lines on its canvas.
import { number } from "./figures.mjs";
import { HEIGHT, MARGIN, scales } from "./scales.mjs";
/** @import { Line } from "./curves.mjs" */
/** @import { Scales } from "./scales.mjs" */

/**
 * Draw it all anew.
 * @param {HTMLCanvasElement} canvas
 * @param {Line[]} lines
 * @param {boolean} log whether the losses' axis is logarithmic
 * @param {number | null} hovered how far across the pointer is
 */
export function draw(canvas, lines, log, hovered) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  if (!width) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const scale = scales(canvas, lines, log);
  pen.font = `11px ${style.fontFamily}`;
  pen.fillStyle = style.color;
  if (!scale.any) {
    pen.textAlign = "center";
    pen.fillText("The loss appears here after the first step.", width / 2, HEIGHT / 2);
    return;
  }
  drawAxes(pen, scale, width, style);
  for (const line of lines) if (line.shown && line.points.length) drawLine(pen, line, scale, style);
  if (hovered !== null && hovered > MARGIN.left && hovered < width - MARGIN.right) {
    pen.strokeStyle = style.color;
    pen.globalAlpha = 0.5;
    pen.strokeRect(hovered, MARGIN.top, 0.01, HEIGHT - MARGIN.top - MARGIN.bottom);
    pen.globalAlpha = 1;
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Scales} scale
 * @param {number} width
 * @param {CSSStyleDeclaration} style
 */
function drawAxes(pen, scale, width, style) {
  pen.lineWidth = 1;
  pen.strokeStyle = style.borderTopColor;
  pen.textAlign = "right";
  for (const tick of scale.y.ticks) {
    const y = scale.y.place(tick);
    pen.beginPath();
    pen.moveTo(MARGIN.left, y);
    pen.lineTo(width - MARGIN.right, y);
    pen.stroke();
    pen.fillText(String(Number(tick.toPrecision(3))), MARGIN.left - 6, y + 4);
  }
  pen.textAlign = "left";
  for (const tick of scale.rates ? scale.right.ticks : []) {
    const text = tick === 0 ? "0" : Number(tick.toPrecision(2)).toExponential();
    pen.fillText(text, width - MARGIN.right + 6, scale.right.place(tick) + 4);
  }
  pen.textAlign = "center";
  for (const step of scale.steps) pen.fillText(number(step), scale.x(step), HEIGHT - 8);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Line} line
 * @param {Scales} scale
 * @param {CSSStyleDeclaration} style
 */
function drawLine(pen, line, scale, style) {
  const { place } = line.right ? scale.right : scale.y;
  pen.strokeStyle = pen.fillStyle = line.color;
  pen.lineWidth = line.width;
  pen.setLineDash(line.dash ?? []);
  pen.globalAlpha = line.key === "raw" ? 0.45 : 1;
  pen.beginPath();
  for (const [step, value] of line.points) pen.lineTo(scale.x(step), place(value)); // the first only moves there
  pen.stroke();
  pen.setLineDash([]);
  for (const [step, value] of line.dots || line.points.length === 1 ? line.points : []) {
    pen.beginPath();
    pen.arc(scale.x(step), place(value), 2.5, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.globalAlpha = 1;
  pen.fillStyle = style.color;
}
