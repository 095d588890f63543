import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { constants, existsSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as RegularFile from "../process/RegularFile.js"
import * as HookKind from "./HookKind.js"

/** `--hooks FILE`: the webhooks of a server, in a file that only its user can read. */

/** The hooks cannot be read or written. */
export class HookFileError extends Data.TaggedError("HookFileError")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/**
 * How a sender proves that it is one: by the secret itself, of which only the SHA-256 is kept, or by a signature of the
 * body, for which the server needs the secret.
 */
const Proof = Schema.Union(
  Schema.Struct({ by: Schema.Literal("secret"), sha256: Schema.String }),
  Schema.Struct({ by: Schema.Literal("signature"), secret: Schema.String })
)

const StoredHook = Schema.Struct({
  id: Schema.String,
  kind: Schema.Literal(...HookKind.hookKindNames),
  /** The name under which its lines come. */
  name: Schema.String,
  rooms: Schema.Array(Schema.String),
  proof: Proof,
  /** In place of the templates of its kind. */
  template: Schema.optional(Schema.String),
  /** In milliseconds since 1970. */
  created: Schema.Number
})

export type StoredHook = typeof StoredHook.Type

export type StoredHookProof = typeof Proof.Type

const Content = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), hooks: Schema.Array(StoredHook) }))

const decode = Schema.decodeUnknown(Content)

const maxBytes = 4 * 2 ** 20

const ownerOnly = 0o600

/** The hooks in the file; none if there is no file yet. */
export const read = (path: string): Effect.Effect<ReadonlyArray<StoredHook>, HookFileError> =>
  Effect.gen(function* () {
    if (!existsSync(path)) return []
    const text = yield* trying(path, "read", () => readOwn(path))
    const { hooks } = yield* Effect.mapError(
      decode(text),
      (error) =>
        new HookFileError({ reason: `${path} has no hooks: ${ParseResult.TreeFormatter.formatErrorSync(error)}` })
    )
    return hooks
  })

const readOwn = async (path: string): Promise<string> => {
  const file = await RegularFile.open(path, constants.O_RDONLY)
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) throw new Error("it has secrets, and others can read it; set its mode to 0600")
    return (await RegularFile.content(file, maxBytes)).toString()
  } finally {
    await file.close()
  }
}

/** Replaces the content. A crash leaves the old content or the new one, because the file is renamed into its place. */
export const write = (path: string, hooks: ReadonlyArray<StoredHook>): Effect.Effect<void, HookFileError> =>
  trying(path, "written", async () => {
    const next = `${path}.${process.pid}`
    await Fs.rm(next, { force: true })
    const file = await Fs.open(next, "wx", ownerOnly)
    try {
      await file.writeFile(`${JSON.stringify({ version: 1, hooks }, undefined, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await Fs.rename(next, path)
  })

const trying = <A>(path: string, done: string, run: () => Promise<A>): Effect.Effect<A, HookFileError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new HookFileError({ reason: `${path} cannot be ${done}: ${cause instanceof Error ? cause.message : cause}` })
  })
