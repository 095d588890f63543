import * as Effect from "effect/Effect"
import type { NumberedConversations } from "./NumberedConversations.js"

/** The file that keeps the muted conversations of a login until the next run. */
export interface MutesFile {
  /** Returns none if the file does not exist. */
  readonly read: Effect.Effect<ReadonlyArray<string>>
  readonly write: (names: ReadonlyArray<string>) => Effect.Effect<void, { readonly message: string }>
}

export interface MutesOptions {
  readonly conversations: NumberedConversations
  /** Undefined if they are not kept. */
  readonly fileOf: ((login: string) => MutesFile) | undefined
  readonly warn: (text: string) => void
}

/** Saves the conversations that the user has muted. */
export class Mutes {
  private login: string | undefined = undefined
  private file: MutesFile | undefined = undefined
  private readonly hasChanged = Effect.unsafeMakeLatch(false)
  private isUnsaved = false
  private hasWarned = false

  constructor(private readonly options: MutesOptions) {}

  /** The user has logged in under this name. */
  use(login: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { conversations, fileOf } = this.options
      if (login === this.login) return Effect.void
      this.login = login
      const file = fileOf?.(login)
      this.file = file
      if (file === undefined) return Effect.void
      return Effect.map(file.read, (names) => conversations.useMuted(names))
    })
  }

  /** The user has muted or unmuted a conversation. */
  changed(): void {
    this.isUnsaved = true
    this.hasChanged.unsafeOpen()
  }

  /** Writes changes, forever. */
  get run(): Effect.Effect<never> {
    return this.hasChanged.await.pipe(Effect.zipRight(this.save), Effect.forever)
  }

  /** Writes a pending change. */
  get save(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.hasChanged.unsafeClose()
      if (!this.isUnsaved) return Effect.void
      this.isUnsaved = false
      const written = this.file?.write(this.options.conversations.muted) ?? Effect.void
      return Effect.catchAll(written, ({ message }) => Effect.sync(() => this.warn(message)))
    })
  }

  private warn(message: string) {
    if (!this.hasWarned) this.options.warn(`your mutes are not saved: ${message}`)
    this.hasWarned = true
  }
}
