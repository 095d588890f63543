import { Device, type LoginProof } from "../chat/Device.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { KnownAccount } from "./AccountIndex.js"

/** A device whose account was proven, with the checks to repeat when its login completes. */
export class ProvenDevice extends Device {
  constructor(
    override readonly account: KnownAccount,
    name: string,
    proof: LoginProof,
    /** The account's number of password changes when the check began. */
    private readonly passwordChanges: number = account.passwordChanges
  ) {
    super(account, name, proof)
  }

  /** Refuses the login if the account was removed or its password changed in the meantime. */
  override get refusal(): FatalReply.Fatal | undefined {
    const isChanged = this.proof === "password" && this.passwordChanges !== this.account.passwordChanges
    return isChanged || this.account.isRemoved ? FatalReply.wrongPassword : undefined
  }
}
