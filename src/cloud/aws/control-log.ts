/** Where the control plane's progress is told: a function, since it may have to cross threads. */
export type ControlLog = (level: 'info' | 'warn', message: string, fields: object) => void;
