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
