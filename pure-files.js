/**
 * The files that decide and do nothing else. A decision that reads a clock, throws dice or opens a socket can't be
 * tested on virtual time or replayed in a simulation. The linter keeps clocks and dice out of them, the import rules
 * everything that does things. A name may stand here before its file does.
 */
export const PURE_FILES = [
  'src/config.ts',
  'src/settings.ts',
  'src/errors.ts',
  'src/cloud/classify.ts',
  'src/cloud/compare.ts',
  'src/cloud/event.ts',
  'src/cloud/health.ts',
  'src/cloud/prices.ts',
  'src/cloud/aws/check.ts',
  'src/cloud/aws/desired.ts',
  'src/cloud/aws/faults.ts',
  'src/cloud/aws/plan.ts',
  'src/cloud/aws/steps.ts',
  'src/dispatch/estimates.ts',
  'src/dispatch/hand-ahead.ts',
  'src/dispatch/placement.ts',
  'src/dispatch/queue.ts',
  'src/dispatch/retry-budget.ts',
  'src/pool/frames.ts',
  'src/pool/peak-ewma.ts',
  'src/pool/policies.ts',
  'src/rpc/json-text.ts',
  'src/rpc/request.ts',
  'src/scaling/decide.ts',
  'src/scaling/forecast.ts',
];
