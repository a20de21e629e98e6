/** Line charts as SVG text: panels one above the other, on one time axis. */

export interface Series {
  readonly name: string;
  readonly color: string;
  /** area: filled steps; step: each value holds until the next; line: straight from point to point. */
  readonly shape: 'area' | 'step' | 'line';
  /** One value a point of the time axis. */
  readonly values: readonly number[];
}

export interface Panel {
  /** What is drawn up the side, with its unit. */
  readonly title: string;
  readonly scale: 'linear' | 'log';
  readonly series: readonly Series[];
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  /** Points of the time axis, ascending, and where it ends. */
  readonly x: readonly number[];
  readonly xEnd: number;
  readonly panels: readonly Panel[];
}

/** Sizes in pixels. */
const WIDTH = 860;
const LEFT = 78;
const RIGHT = 20;
const TOP = 44;
const PANEL = 190;
const GAP = 46;
const BOTTOM = 52;
const PLOT = WIDTH - LEFT - RIGHT;
/** About so many ticks on an axis. */
const TICKS_UP = 5;
const TICKS_ACROSS = 8;

/** Draws a chart. The text is the whole file. */
export function drawChart({ title, xTitle, x, xEnd, panels }: Chart): string {
  const height = TOP + panels.length * (PANEL + GAP) - GAP + BOTTOM;
  const across = (value: number): number => LEFT + (PLOT * value) / xEnd;
  const bottom = height - BOTTOM;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ` role="img" aria-label="${escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#333">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(LEFT, 20, title, 'font-size="15" font-weight="600"'),
    ...panels.map((panel, at) => drawPanel(panel, TOP + at * (PANEL + GAP), x, xEnd, across)),
    ...niceTicks(xEnd, TICKS_ACROSS).map((tick) =>
      text(across(tick), bottom + 18, label(tick), 'text-anchor="middle"'),
    ),
    text(LEFT + PLOT / 2, bottom + 40, xTitle, 'text-anchor="middle"'),
    '</svg>\n',
  ];
  return parts.join('\n').replace('"\n role', '" role');
}

function drawPanel(
  { title, scale, series }: Panel,
  top: number,
  x: readonly number[],
  xEnd: number,
  across: (value: number) => number,
): string {
  const values = series.flatMap((one) => one.values);
  const ticks = scale === 'log' ? logTicks(values) : niceTicks(Math.max(...values, 1e-9), TICKS_UP);
  const [least, most] = scale === 'log' ? [ticks[0]!, ticks.at(-1)!] : [0, Math.max(...ticks, ...values)];
  const part = (value: number): number =>
    scale === 'log' ? Math.log(Math.max(value, least) / least) / Math.log(most / least) : value / most;
  const up = (value: number): number => top + PANEL * (1 - part(value));
  const middle = top + PANEL / 2;
  return [
    ...ticks.flatMap((tick) => [
      `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${round(up(tick))}" y2="${round(up(tick))}" stroke="#ddd"/>`,
      text(LEFT - 8, up(tick) + 4, label(tick), 'text-anchor="end"'),
    ]),
    text(18, middle, title, `text-anchor="middle" transform="rotate(-90 18 ${middle})"`),
    ...series.map((one) => drawSeries(one, x, xEnd, across, up, top + PANEL)),
    ...legend(series, top - 8),
  ].join('\n');
}

function drawSeries(
  { color, shape, values }: Series,
  x: readonly number[],
  xEnd: number,
  across: (value: number) => number,
  up: (value: number) => number,
  floor: number,
): string {
  const points = values.flatMap((value, at) => {
    const point = `${round(across(x[at]!))},${round(up(value))}`;
    return shape === 'line' ? [point] : [point, `${round(across(x[at + 1] ?? xEnd))},${round(up(value))}`];
  });
  if (shape !== 'area')
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.6"/>`;
  const closed = [`${LEFT},${floor}`, ...points, `${round(across(xEnd))},${floor}`].join(' ');
  return `<polygon points="${closed}" fill="${color}" fill-opacity="0.25"/>`;
}

/** Right-aligned above the panel, one entry a series. */
function legend(series: readonly Series[], y: number): string[] {
  let right = LEFT + PLOT;
  return series.toReversed().flatMap(({ name, color }) => {
    // No font is known here; seven pixels a letter is enough for any.
    right -= name.length * 7 + 26;
    const mark = `<rect x="${right}" y="${y - 8}" width="12" height="8" fill="${color}"/>`;
    return [mark, text(right + 17, y, name)];
  });
}

/** Round steps from 0 up to `most`. */
function niceTicks(most: number, count: number): number[] {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => power * factor >= rough) ?? 10);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, at) => at * step);
}

/** Powers of ten round the positive values. */
function logTicks(values: readonly number[]): number[] {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1e9)));
  const high = Math.ceil(Math.log10(Math.max(...positive, 10 ** low)) + 1e-9);
  return Array.from({ length: Math.max(1, high - low) + 1 }, (_, at) => 10 ** (low + at));
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escape(content)}</text>`;
}

function label(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
