/** The four moving charts. Beside each stand its present figures, or those under the pointer, as text. */
import uPlot from '/vendor/uPlot.esm.js';
import { byId, el, setText } from './dom.js';
import { WINDOW_S } from './history.js';
import { ms, rate, slotCount } from './words.js';

/** @import { History, Line } from './history.js' */

/**
 * @typedef {object} Series
 * @property {Line} line
 * @property {string} label
 * @property {'pool' | 'cloud' | 'limit' | 'ink'} colour
 * @property {number[]} [dash] so that lines differ without their colours
 * @property {boolean} [filled]
 */

/**
 * @typedef {object} Spec
 * @property {string} id of the figure
 * @property {string} title
 * @property {(value: number) => string} words
 * @property {number} least the top of the scale is at least this
 * @property {readonly Series[]} series
 */

/** @type {readonly Spec[]} */
const SPECS = [
  {
    id: 'chart-load',
    title: 'Load, in slots',
    words: slotCount,
    least: 4,
    series: [
      { line: 'running', label: 'running', colour: 'pool', filled: true },
      { line: 'load', label: 'with those waiting', colour: 'ink' },
      { line: 'n', label: 'N', colour: 'limit', dash: [2, 4] },
      { line: 'max', label: '2N', colour: 'limit', dash: [8, 4] },
    ],
  },
  {
    id: 'chart-wait',
    title: 'Expected wait for a slot',
    words: ms,
    least: 10,
    series: [
      { line: 'waitMs', label: 'expected', colour: 'pool', filled: true },
      { line: 'thresholdMs', label: 'threshold', colour: 'limit', dash: [8, 4] },
    ],
  },
  {
    id: 'chart-rate',
    title: 'Calls a second',
    words: rate,
    least: 5,
    series: [
      { line: 'poolRate', label: 'pool', colour: 'pool', filled: true },
      { line: 'cloudRate', label: 'cloud', colour: 'cloud', dash: [10, 2] },
    ],
  },
  {
    id: 'chart-latency',
    title: 'Latency',
    words: ms,
    least: 10,
    series: [
      { line: 'poolP50', label: 'pool p50', colour: 'pool' },
      { line: 'poolP99', label: 'pool p99', colour: 'pool', dash: [3, 3] },
      { line: 'cloudP50', label: 'cloud p50', colour: 'cloud' },
      { line: 'cloudP99', label: 'cloud p99', colour: 'cloud', dash: [3, 3] },
    ],
  },
];

const HEIGHT_PX = 150;
/** Room above the highest line, as a share of it. */
const HEADROOM = 1.12;

const tick = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const tickWithSeconds = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** @param {string} name of a custom property */
function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

class Chart {
  #spec;
  #plot;
  #values;
  #host = el('div', { class: 'plot', 'aria-hidden': 'true' });
  /** @type {uPlot | undefined} */
  #chart;
  /** @type {History} */
  #history;
  /**
   * What was drawn last, the times first. Copies: the history's own go on while the page is paused.
   * @type {(number | null)[][]}
   */
  #drawn = [];
  /** Where the pointer is, as an index. @type {number | null | undefined} */
  #pointed;

  /** @param {Spec} spec @param {History} history */
  constructor(spec, history) {
    this.#spec = spec;
    this.#history = history;
    this.#values = spec.series.map(() => el('b'));
    const legend = el('p', { class: 'legend' });
    for (const [index, series] of spec.series.entries()) {
      legend.append(el('span', {}, swatch(series), `${series.label} `, this.#values[index] ?? ''));
    }
    byId(spec.id, HTMLElement).replaceChildren(el('h3', {}, spec.title), legend, this.#host);
    this.#plot = () => this.#make();
    new ResizeObserver(() => {
      this.#chart?.setSize({ width: this.#host.clientWidth, height: HEIGHT_PX });
    }).observe(this.#host);
  }

  draw() {
    this.#drawn = [
      this.#history.times,
      ...this.#spec.series.map(({ line }) => this.#history.lines[line]),
    ].map((values) => [...values]);
    this.#redraw();
  }

  #redraw() {
    if (this.#host.clientWidth === 0) return;
    if (this.#chart === undefined) this.#plot();
    else this.#chart.setData(this.#data());
    this.#tell();
  }

  /** The colours have changed. */
  restyle() {
    this.#chart?.destroy();
    this.#chart = undefined;
    for (const [index, line] of this.#host.parentElement?.querySelectorAll('.legend line').entries() ?? []) {
      line.setAttribute('stroke', colourOf(this.#spec.series[index]?.colour ?? 'ink'));
    }
    this.#redraw();
  }

  /** @returns {import('/vendor/uPlot.esm.js').AlignedData} */
  #data() {
    return /** @type {any} */ (this.#drawn);
  }

  #tell() {
    const [times, ...lines] = this.#drawn;
    const index = this.#pointed ?? (times?.length ?? 0) - 1;
    for (const [at, node] of this.#values.entries()) {
      const value = lines[at]?.[index];
      setText(node, value === null || value === undefined ? '–' : this.#spec.words(value));
    }
  }

  #make() {
    const { series, least, words } = this.#spec;
    const axis = { stroke: colourOf('soft'), font: '11px system-ui, sans-serif', ticks: { show: false } };
    const grid = { stroke: colourOf('line'), width: 1 };
    this.#chart = new uPlot(
      {
        width: this.#host.clientWidth,
        height: HEIGHT_PX,
        padding: [8, 6, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'spillway' }, points: { size: 6 } },
        scales: {
          x: { time: true, range: (_plot, _min, max) => [max - WINDOW_S, max] },
          y: { range: (_plot, _min, max) => [0, Math.max(least, (max ?? 0) * HEADROOM)] },
        },
        axes: [
          {
            ...axis,
            grid,
            size: 26,
            incrs: [30, 60, 120],
            space: 56,
            values: (_plot, splits) =>
              splits.map((at) => (at % 60 === 0 ? tick : tickWithSeconds).format(at * 1000)),
          },
          {
            ...axis,
            grid,
            size: 54,
            space: 26,
            values: (_plot, splits) => splits.map((value) => words(value)),
          },
        ],
        series: [
          {},
          ...series.map(({ label, colour, dash, filled }) => ({
            label,
            stroke: colourOf(colour),
            width: 1.5,
            points: { show: true, size: 4, filter: loneValues },
            ...(dash === undefined ? {} : { dash }),
            ...(filled === true ? { fill: colourOf(`${colour}-wash`) } : {}),
          })),
        ],
        hooks: {
          setCursor: [
            (plot) => {
              this.#pointed = plot.cursor.idx;
              this.#tell();
            },
          ],
        },
      },
      this.#data(),
      this.#host,
    );
  }
}

/**
 * Values without a neighbour, which no line shows: those of a function that is called now and then.
 * @param {uPlot} plot @param {number} index of the series
 */
function loneValues(plot, index) {
  const values = plot.data[index] ?? [];
  const known = (/** @type {number} */ at) => values[at] !== null && values[at] !== undefined;
  return [...values.keys()].filter((at) => known(at) && !known(at - 1) && !known(at + 1));
}

/** A piece of the line as the chart draws it. @param {Series} series */
function swatch({ colour, dash }) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const line = document.createElementNS(space, 'line');
  const shape = { x1: '0', y1: '3', x2: '20', y2: '3', stroke: colourOf(colour), 'stroke-width': '2' };
  for (const [name, value] of Object.entries(shape)) line.setAttribute(name, value);
  if (dash !== undefined) line.setAttribute('stroke-dasharray', dash.join(' '));
  for (const [name, value] of Object.entries({ width: '20', height: '6', 'aria-hidden': 'true' })) {
    svg.setAttribute(name, value);
  }
  svg.append(line);
  return svg;
}

/**
 * @param {History} history
 * @returns {() => void} draws what the history has
 */
export function createCharts(history) {
  const charts = SPECS.map((spec) => new Chart(spec, history));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const chart of charts) chart.restyle();
  });
  return () => {
    for (const chart of charts) chart.draw();
  };
}
