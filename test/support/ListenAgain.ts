import * as Effect from "effect/Effect"
import type { Listener } from "../../src/ports/Transport.js"

/** Resumes a listener; dies if it has no `resume`. */
export const listenAgain = ({ resume }: Listener) => resume ?? Effect.dieMessage("this listener cannot listen again")
