import * as Effect from "effect/Effect"
import type { Listener } from "../../src/ports/Transport.js"

/** Listens again, as a listener of a test can. */
export const listenAgain = ({ resume }: Listener) => resume ?? Effect.dieMessage("this listener cannot listen again")
