/** How this program starts itself again, compiled or from source. */
export const selfArgv = (): string[] =>
  Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
