/** Names of the balancer's own figures in CloudWatch. */

export const METRIC_NAMESPACE = 'Spillway';
/** Spent and reserved this UTC day, in US dollars. */
export const COST_METRIC = 'CostTodayUsd';

/** Tells the pools of one account apart. */
export function poolDimension(pool: string): { Name: string; Value: string } {
  return { Name: 'Pool', Value: pool };
}
