import type * as Effect from "effect/Effect"
import type { LoginLine } from "../protocol/LoginLine.js"
import * as Name from "../protocol/Name.js"
import * as FatalReply from "../protocol/FatalReply.js"
import * as Wire from "../protocol/Wire.js"
import type { Device } from "./Device.js"

/** A client's request to log in. */
export interface Claim extends LoginLine {
  /** The name that the client has proven, as the common name of its certificate. */
  readonly identity: string | undefined
  /** The client's host, for limits per address; empty where there is none. */
  readonly host: string
  /** Whether the connection is confidential: nobody else can read it. */
  readonly isPrivate: boolean
  /** The client only sends: no line can be addressed to it. */
  readonly isSendOnly: boolean
}

/**
 * Decides whether a client may log in. A decision that takes longer than a turn is an effect: only this client waits
 * for it, and the login timeout does not run meanwhile. Whether a guest's name is still free is checked after the
 * decision.
 */
export interface Admission {
  readonly decide: (claim: Claim) => LoginDecision | Effect.Effect<LoginDecision>
  /** Whether a login line may contain a device and a secret. If not, such a line is a bad login. Default: false. */
  readonly takesSecrets?: boolean
}

/** A refusal, the device that the client logs in as, or undefined for a guest. */
export type LoginDecision = FatalReply.Fatal | Device | undefined

/** Whether the claimed name is the one in the client's certificate, or there is no certificate. */
export const isIdentified = ({ identity, name }: Claim): boolean =>
  identity === undefined || Name.parse(Wire.encode(identity)) === name

/** Admits every client as a guest, but a client with a proven name only under that name. */
export const open: Admission = {
  decide: (claim) => (isIdentified(claim) ? undefined : FatalReply.otherIdentity)
}
