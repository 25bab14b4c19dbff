/** The broker did something else than the specification allows; `message` explains, in lines. */
export class Difference extends Error {
  override readonly name = "Difference";
}

/** A dialogue cannot be held with this broker (it says so itself); `message` says why. */
export class NotOffered extends Error {
  override readonly name = "NotOffered";
}
