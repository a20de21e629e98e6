/** A review a rounding error away would be asked for again and again, at one moment; in milliseconds. */
export const SOONEST_REVIEW_MS = 0.01;
/** How often the waiting calls are looked at again, in milliseconds. */
export const REVIEW_EVERY_MS = 20;

/** Kinds of timers of a simulation; a timer's value is call × 8 + kind. */
export const TIMER = {
  workerReady: 0,
  /** A waiting call is placed again. */
  review: 1,
  deadline: 2,
  cloudOver: 3,
  /** The scaling rule looks. */
  look: 4,
  /** All waiting calls are looked at again. */
  reviewAll: 5,
  copyOver: 6,
} as const;
