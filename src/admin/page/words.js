/** Figures and states as words. What isn't known is a dash. */

const NONE = '–';
const MS_A_SECOND = 1000;
const MS_A_MINUTE = 60_000;
const MS_AN_HOUR = 3_600_000;
const MS_A_DAY = 86_400_000;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const clockFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** @param {number} value */
export function count(value) {
  return whole.format(value);
}

/** Slots: several calls may share one. @param {number} value */
export function slotCount(value) {
  return value > 0 && value < 0.1 ? '<0.1' : tenths.format(value);
}

/** Three figures at most, so that a column of them stays calm. @param {number} value */
export function rate(value) {
  return value > 0 && value < 10 ? value.toFixed(1) : whole.format(value);
}

/** @param {number | null | undefined} value milliseconds */
export function ms(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return NONE;
  if (value === 0) return '0 ms';
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < MS_A_SECOND) return `${value.toFixed(0)} ms`;
  if (value < MS_A_MINUTE) return `${Number((value / MS_A_SECOND).toFixed(value < 10_000 ? 2 : 1))} s`;
  return span(value);
}

/** A long time in its two greatest units. @param {number} value milliseconds */
export function span(value) {
  const parts = /** @type {const} */ ([
    ['d', MS_A_DAY, MS_AN_HOUR, 'h'],
    ['h', MS_AN_HOUR, MS_A_MINUTE, 'min'],
    ['min', MS_A_MINUTE, MS_A_SECOND, 's'],
  ]);
  for (const [unit, size, smaller, smallerUnit] of parts) {
    if (value < size) continue;
    return `${Math.floor(value / size)} ${unit} ${Math.floor((value % size) / smaller)} ${smallerUnit}`;
  }
  return `${Math.max(0, Math.floor(value / MS_A_SECOND))} s`;
}

/** A long time in its greatest unit. @param {number} value milliseconds */
export function briefSpan(value) {
  return span(value).split(' ', 2).join(' ');
}

/** Small sums keep two figures that mean something. @param {number} value US dollars */
export function usd(value) {
  if (value === 0 || value >= 1) return `$${value.toFixed(2)}`;
  const places = Math.min(6, Math.max(4, 1 - Math.floor(Math.log10(Math.abs(value)))));
  return `$${value.toFixed(places)}`;
}

/** @param {number} part @param {number} all */
export function percent(part, all) {
  if (all <= 0) return NONE;
  const share = (part / all) * 100;
  if (share > 0 && share < 0.1) return '<0.1%';
  return `${share > 0 && share < 10 ? share.toFixed(1) : share.toFixed(0)}%`;
}

/** @param {number} at milliseconds since the epoch */
export function clock(at) {
  return clockFormat.format(at);
}

/** @param {number} value @param {string} one @param {string} [many] */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** @type {Readonly<Record<string, string>>} */
const PLACED = { pool: 'Pool', queue: 'Queued', cloud: 'Cloud', reject: 'Rejected' };

/** @param {string} place of a decision */
export function placed(place) {
  return PLACED[place] ?? place;
}

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  'slot free': 'a slot was free',
  'short wait': 'the wait is short',
  'wait unknown': "its function hasn't run often enough to know the wait",
  'would wait too long': 'the wait here would be too long',
  'has waited too long': 'it has waited here too long',
  'slot coming': 'a slot will be ready sooner than the cloud',
  'cloud sooner': 'the cloud is expected to answer sooner',
  'local sooner': 'the pool is expected to answer sooner',
  'relieves others': 'others save more by its leaving than it loses',
  'only the cloud in time': 'only the cloud can answer in time',
  'too dear': 'the time it would save is too dear',
  'offloading does not pay': 'offloading its function has not paid of late',
  'likely throttled': 'the cloud would probably refuse it',
  'slow here': 'it runs too long here',
  'starts an instance': 'a copy of it starts an instance in the cloud',
  explores: 'a copy of it measures the cloud',
  'queue full': 'the queue is full',
  'queue too long': 'more work waits than can be done in its time',
  forced: 'the client asked for this place',
  policy: 'the offload policy says so',
  'offload: false': 'its function stays here',
  'too large for the cloud': 'its params are too large for the cloud',
  'too long for the cloud': 'it would run too long for the cloud',
  off: 'the cloud is off',
  deploying: 'the cloud is being deployed',
  throttled: 'the cloud is throttling calls',
  'credentials expired': "the cloud's credentials have expired",
  'access denied': 'the cloud denies access',
  unreachable: "the cloud can't be reached",
  'bad settings': "the cloud's settings are wrong",
  'budget spent': "today's budget is spent",
  timeout: 'the cloud answered too late',
  'wrong bundle': 'the cloud has another bundle',
  'result too large': 'the result was too large for the cloud',
  failing: 'the cloud is failing',
};

/** A reason as a sentence's second half; one that isn't known here stands as it came. @param {string} reason */
export function because(reason) {
  return REASONS[reason] ?? reason;
}

/** @type {Readonly<Record<string, string>>} */
const CLOUD_STATES = {
  off: 'Nothing is offloaded.',
  deploying: 'Being set up; calls stay in the pool until it is ready.',
  ready: 'Takes calls when the pool is full.',
  degraded: 'Takes no calls for now.',
};

/** @param {string} state */
export function cloudWords(state) {
  return CLOUD_STATES[state] ?? '';
}

/** @type {Readonly<Record<string, readonly [string, (value: number) => string]>>} */
const CLOUD_FIGURES = {
  invocations: ['Invocations', count],
  errors: ['Errors', count],
  throttles: ['Throttles', count],
  maxConcurrent: ['Most at once', count],
  durationP50Ms: ['Time, p50', ms],
  durationP99Ms: ['Time, p99', ms],
  periodMs: ['These are of', (value) => `the last ${span(value)}`],
};

/** CloudWatch's figures by name; the others aren't for people. @param {Readonly<Record<string, number>>} figures */
export function cloudFigures(figures) {
  return Object.entries(CLOUD_FIGURES).flatMap(([name, [title, say]]) => {
    const value = figures[name];
    return value === undefined ? [] : [/** @type {[string, string]} */ ([title, say(value)])];
  });
}

/** @type {Readonly<Record<string, string>>} */
const POLICIES = {
  threshold: 'Offloads a call whose expected wait for a slot reaches the wait set here.',
  predictive: 'Offloads a call that the cloud is expected to answer sooner, or that holds up others.',
  never: 'Everything stays in the pool.',
  always: 'Everything that may go to the cloud goes there.',
};

/** @param {string} policy */
export function policyWords(policy) {
  return POLICIES[policy] ?? '';
}
