/** All test vectors of the codec, for its tests and for the fuzzer to mutate. */
export { ACCEPTED } from "./accepted.suite.ts";
export { type Vector, type VectorRole, wire } from "./notation.suite.ts";
export { REFUSED } from "./refused.suite.ts";
