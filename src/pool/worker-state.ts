/** A worker's states (DESIGN.md, States). */
export type WorkerState = 'starting' | 'ready' | 'ejected' | 'draining' | 'standby' | 'gone';
