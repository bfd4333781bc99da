/** Where a data directory says what an operator should look at; a logger of pino is one. */
export interface DataDirLog {
  warn(fields: object, message: string): void;
}
