/**
 * A short forecast by Holt's linear trend with damping (Gardner and McKenzie 1985; Hyndman, "Forecasting: Principles
 * and Practice", 8.2):
 *
 *     level' = α·x + (1 − α)·(level + φ·trend)
 *     trend' = β·(level' − level) + (1 − β)·φ·trend
 *     forecast h steps ahead = level + (φ + φ² + … + φʰ)·trend
 *
 * Samples are taken at a steady step, however often it is fed.
 */

/** How quickly a forecast follows what it sees. */
export interface ForecastSettings {
  /** Time between two samples, in milliseconds. */
  readonly stepMs: number;
  /** Weight of the newest sample in the level: 0 … 1. */
  readonly alpha: number;
  /** Weight of the newest change of level in the trend: 0 … 1. */
  readonly beta: number;
  /** What is left of the trend a step later: 0 … 1. Below 1, a ramp isn't drawn out for ever. */
  readonly phi: number;
}

/** Immutable state of a forecast; the unit of level and trend is slots, and slots a step. */
export interface Forecast {
  readonly level: number;
  readonly trend: number;
  readonly samples: number;
  /** Slot-milliseconds seen since the last sample, and since when. */
  readonly pendingMs: number;
  readonly sinceMs: number;
}

/** A step missed this often in a row says nothing about a trend: the forecast starts again. */
const STALE_STEPS = 30;

/** A forecast that has seen nothing. */
export function emptyForecast(nowMs: number): Forecast {
  return { level: 0, trend: 0, samples: 0, pendingMs: 0, sinceMs: nowMs };
}

/** Adds `workMs` slot-milliseconds that arrived up to now; takes a sample whenever a step is over. */
export function feedForecast(
  forecast: Forecast,
  settings: ForecastSettings,
  nowMs: number,
  workMs: number,
): Forecast {
  const pendingMs = forecast.pendingMs + workMs;
  const elapsed = nowMs - forecast.sinceMs;
  if (elapsed < settings.stepMs) return { ...forecast, pendingMs };
  if (elapsed > settings.stepMs * STALE_STEPS) return emptyForecast(nowMs);
  const sample = pendingMs / elapsed;
  const rest = { samples: forecast.samples + 1, pendingMs: 0, sinceMs: nowMs };
  if (forecast.samples === 0) return { ...rest, level: sample, trend: 0 };
  const { alpha, beta, phi } = settings;
  const level = alpha * sample + (1 - alpha) * (forecast.level + phi * forecast.trend);
  const trend = beta * (level - forecast.level) + (1 - beta) * phi * forecast.trend;
  return { ...rest, level, trend };
}

/** How much the load is expected to rise within `horizonMs`, in slots: the trend, damped; 0 when it falls. */
export function riseWithin(forecast: Forecast, settings: ForecastSettings, horizonMs: number): number {
  const steps = horizonMs / settings.stepMs;
  const { phi } = settings;
  const damped = phi === 1 ? steps : (phi * (1 - phi ** steps)) / (1 - phi);
  return Math.max(0, damped * forecast.trend);
}
