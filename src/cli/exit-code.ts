/** Exit codes, by the names of sysexits(3). */
export const ExitCode = {
  ok: 0,
  usage: 64,
  unavailable: 69,
  software: 70,
  store: 74,
  config: 78,
} as const;
