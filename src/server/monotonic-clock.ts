/** Milliseconds since the epoch, from a clock that setting the time of day does not move. */
export function monotonicClock(): number {
  return performance.timeOrigin + performance.now();
}
