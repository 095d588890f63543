import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import * as Name from "../protocol/Name.js"
import * as RoomName from "../protocol/RoomName.js"
import * as Wire from "../protocol/Wire.js"
import * as HookFile from "./HookFile.js"
import type { HookKind, HookProof } from "./HookKind.js"
import * as HookKinds from "./HookKinds.js"
import * as HookSignature from "./HookSignature.js"
import * as HookTemplate from "./HookTemplate.js"

/** The webhooks of a server: who may post to which rooms, under which name. */

/** A webhook without its secret. */
export interface Hook {
  /** Its place: `POST /hook/ID`. Everybody may know it. */
  readonly id: string
  readonly kind: HookKind
  readonly name: string
  readonly rooms: ReadonlyArray<string>
  readonly template: HookTemplate.Template | undefined
}

/** What an operator asks for. */
export interface NewHook {
  readonly id: string
  readonly kind: HookKind
  /** By default the id. */
  readonly name: string | undefined
  readonly rooms: ReadonlyArray<string>
  readonly template: string | undefined
  /** By default that of the kind. */
  readonly proof: HookProof | undefined
}

/** A hook as an operator sees it: everything but the secret. */
export interface ListedHook {
  readonly id: string
  readonly kind: HookKind
  readonly name: string
  readonly rooms: ReadonlyArray<string>
  readonly proof: HookProof
  readonly template: string | null
  /** In milliseconds since 1970. */
  readonly created: number
}

export interface Hooks {
  /** The hook, if the headers prove that its sender is one; undefined for any other request. */
  readonly proven: (id: string, headers: IncomingHttpHeaders, body: Buffer) => Hook | undefined
  readonly list: ReadonlyArray<ListedHook>
  /** Keeps a hook, and returns its secret, which is shown only now. Fails with a sentence for the operator. */
  readonly add: (hook: NewHook) => Effect.Effect<string, string>
  /** False if there is no such hook. */
  readonly remove: (id: string) => Effect.Effect<boolean, string>
}

/** Hooks that a server may have. */
const maxHooks = 1_000

/** Secrets look like no password and no token of an account, so neither can be taken for the other. */
const secretPrefix = "ahook_"

const idForm = /^[a-z0-9][a-z0-9-]{0,31}$/u

interface Kept {
  readonly stored: HookFile.StoredHook
  readonly hook: Hook
}

/** The hooks in a file. */
export const open = (path: string): Effect.Effect<Hooks, HookFile.HookFileError> =>
  Effect.gen(function* () {
    let kept = new Map<string, Kept>()
    for (const stored of yield* HookFile.read(path)) {
      const hook = hookOf(stored)
      if (Either.isLeft(hook)) {
        return yield* new HookFile.HookFileError({ reason: `${path}: hook ${stored.id}: ${hook.left}` })
      }
      kept.set(stored.id, { stored, hook: hook.right })
    }
    const turn = yield* Effect.makeSemaphore(1)
    /** Another set of hooks counts once it is in the file. */
    const change = (next: Map<string, Kept>) =>
      HookFile.write(
        path,
        Array.from(next.values(), ({ stored }) => stored)
      ).pipe(
        Effect.mapError(({ message }) => message),
        Effect.tap(() => Effect.sync(() => (kept = next)))
      )
    return {
      proven: (id, headers, body) => proven(kept.get(id), headers, body),
      get list() {
        return Array.from(kept.values(), ({ stored }) => listed(stored))
      },
      add: (wanted) =>
        turn.withPermits(1)(
          Effect.gen(function* () {
            if (kept.has(wanted.id)) return yield* Effect.fail(`there already is a hook ${wanted.id}`)
            if (kept.size >= maxHooks) return yield* Effect.fail(`there are ${maxHooks} hooks, which is the maximum`)
            const { proof = HookKinds.kinds[wanted.kind].proof } = wanted
            const signing = proof === "signature" ? HookSignature.newSecret(wanted.kind) : undefined
            const secret = signing ?? `${secretPrefix}${randomBytes(16).toString("hex")}`
            const stored: HookFile.StoredHook = {
              id: wanted.id,
              kind: wanted.kind,
              name: wanted.name ?? wanted.id,
              rooms: wanted.rooms,
              proof:
                proof === "signature" ? { by: proof, secret } : { by: proof, sha256: sha256(secret).toString("hex") },
              ...(wanted.template === undefined ? {} : { template: wanted.template }),
              created: Date.now()
            }
            const hook = yield* hookOf(stored)
            yield* change(new Map(kept).set(stored.id, { stored, hook }))
            return secret
          })
        ),
      remove: (id) =>
        turn.withPermits(1)(
          Effect.suspend(() => {
            const next = new Map(kept)
            return next.delete(id) ? Effect.as(change(next), true) : Effect.succeed(false)
          })
        )
    } satisfies Hooks
  })

/** Checks a hook, and parses its template. */
const hookOf = (stored: HookFile.StoredHook): Either.Either<Hook, string> =>
  Either.gen(function* () {
    const { id, kind, name, rooms } = stored
    if (!idForm.test(id)) yield* Either.left("an id has 1 to 32 lower case letters, digits and -")
    if (Name.parse(Wire.encode(name)) === undefined) yield* Either.left(`${JSON.stringify(name)} is not a name`)
    if (rooms.length === 0) yield* Either.left("a hook needs a room, such as #ops")
    const bad = rooms.find((room) => RoomName.parse(Wire.encode(room)) === undefined)
    if (bad !== undefined) yield* Either.left(`${JSON.stringify(bad)} is not a room, such as #ops`)
    if (kind === "custom" && stored.template === undefined) {
      yield* Either.left("a hook of the kind custom needs a template, such as {message}")
    }
    const template = stored.template === undefined ? undefined : yield* HookTemplate.parse(stored.template)
    return { id, kind, name, rooms, template }
  })

const listed = ({ created, id, kind, name, proof, rooms, template }: HookFile.StoredHook): ListedHook => ({
  id,
  kind,
  name,
  rooms,
  proof: proof.by,
  template: template ?? null,
  created
})

/** A secret that no client sends, and that signs nothing. */
const nobodys = randomBytes(32).toString("hex")

/**
 * Each request is compared with a secret and with a signature, of a hook that does not exist as well: the time of the
 * answer shows neither which hooks there are nor how one is proven.
 */
const proven = (kept: Kept | undefined, headers: IncomingHttpHeaders, body: Buffer): Hook | undefined => {
  const proof = kept?.stored.proof
  const hash = proof?.by === "secret" ? Buffer.from(proof.sha256, "hex") : sha256(nobodys)
  const kind = kept?.hook.kind ?? "custom"
  const hasSecret = isSame(sha256(secretIn(kind, headers)), hash)
  const key = proof?.by === "signature" ? proof.secret : nobodys
  const hasSignature = HookSignature.isSigned(kind, key, headers, body)
  return hasSecret || hasSignature ? kept?.hook : undefined
}

const secretIn = (kind: HookKind, headers: IncomingHttpHeaders): string => {
  const own = headers[HookKinds.kinds[kind].secretHeader ?? ""]
  if (typeof own === "string") return own
  return /^Bearer +(\S+) *$/iu.exec(headers.authorization ?? "")?.[1] ?? ""
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}

const isSame = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other)
