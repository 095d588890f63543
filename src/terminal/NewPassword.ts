import type { ComposerPhase } from "./ComposerView.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { Prompt } from "./Prompt.js"
import type { Transcript } from "./Transcript.js"

export interface NewPasswordOptions {
  readonly marks: Marks
  readonly prompt: Prompt
  readonly transcript: Transcript
  /** Sends a line to which the server replies. */
  readonly request: (line: string) => void
}

/** Asks the user for a new password, twice, and sends it to the server. */
export class NewPassword {
  /** The command that needs the password, and the first of the two entries. */
  private asked: { readonly command: "register" | "password"; readonly first: string | undefined } | undefined =
    undefined
  private sent: string | undefined = undefined

  constructor(private readonly options: NewPasswordOptions) {}

  ask(command: "register" | "password", phase: ComposerPhase): void {
    const { marks, prompt, transcript } = this.options
    if (phase._tag !== "Here") return transcript.print(Format.failed("not connected", marks))
    if (phase.whyNoSecrets !== undefined) return transcript.print(Format.failed(phase.whyNoSecrets, marks))
    this.asked = { command, first: undefined }
    return prompt.askSecret("new password")
  }

  /** Handles the new password, typed for the first or the second time. */
  answer(secret: string | undefined): void {
    const { marks, prompt, request, transcript } = this.options
    const { asked } = this
    this.asked = undefined
    if (asked === undefined) return
    if (secret === undefined) return transcript.print(Format.quiet("the password stays as it is", marks))
    if (asked.first === undefined) {
      this.asked = { ...asked, first: secret }
      return prompt.askSecret("the same again")
    }
    if (asked.first !== secret) return transcript.print(Format.failed("the passwords differ; nothing was sent", marks))
    this.sent = secret
    return request(`/${asked.command} ${secret}`)
  }

  /** Called when the server has replied; returns the password that was sent. */
  replied(): string | undefined {
    const { sent } = this
    this.sent = undefined
    return sent
  }
}
