import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import { isAbsolute } from "node:path"
import * as BanSubject from "../../chat/BanSubject.js"
import * as HookKind from "../../http/HookKind.js"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import type * as RoomActs from "../../rooms/RoomActs.js"
import * as Units from "../settings/Units.js"

/** The requests of an operator to a running server. Each is one line, answered by one line of JSON (OPERATING.md). */
export type ControlRequest =
  | { readonly _tag: "Kick"; readonly name: string }
  | {
      readonly _tag: "Ban"
      readonly subject: BanSubject.BanSubject
      /** Undefined: for as long as the server runs. */
      readonly duration: Duration.Duration | undefined
    }
  | { readonly _tag: "Unban"; readonly subject: BanSubject.BanSubject }
  | { readonly _tag: "List" }
  | { readonly _tag: "ListNodes" }
  | { readonly _tag: "Reload" }
  | { readonly _tag: "Drain" }
  /** The path is absolute. */
  | { readonly _tag: "Backup"; readonly file: string }
  | AccountRequest
  | RoomRequest
  | WebhookRequest

/** Requests about webhooks. */
export type WebhookRequest =
  | { readonly _tag: "ListHooks" }
  | { readonly _tag: "RemoveHook"; readonly id: string }
  | {
      readonly _tag: "AddHook"
      readonly id: string
      readonly kind: HookKind.HookKind
      readonly rooms: ReadonlyArray<string>
      /** The id if undefined. */
      readonly name: string | undefined
      /** The kind's usual proof if undefined. */
      readonly proof: HookKind.HookProof | undefined
      readonly template: string | undefined
    }

/** Requests about rooms. Strings are ordinary text. */
export type RoomRequest =
  | { readonly _tag: "ListRooms" }
  | { readonly _tag: "CreateRoom"; readonly room: string; readonly owner: string | undefined }
  | { readonly _tag: "EndRoom"; readonly room: string }
  /** `text`: the text after the room's name. */
  | { readonly _tag: "ActInRoom"; readonly verb: RoomActs.Verb; readonly room: string; readonly text: string }

/** Requests about accounts. */
export type AccountRequest =
  | { readonly _tag: "ListAccounts" }
  | { readonly _tag: "RemoveAccount" | "FreeAccount"; readonly name: string }
  | { readonly _tag: "AddAccount" | "SetPassword"; readonly name: string; readonly password: string }

/** Those of `RoomActs`, which is not loaded here: a server may have no rooms. */
const roomVerbs: ReadonlyArray<RoomActs.Verb> = [
  "topic",
  "invite",
  "remove",
  "owner",
  "lock",
  "unlock",
  "silence",
  "unsilence",
  "slow"
]

/** The version of these requests and their answers, which the server announces first. */
export const version = 1

const shortest = Duration.seconds(1)
const longest = Duration.hours(24 * 366)

/** Parses a request, or returns its mistake. */
export const parse = (line: string): Either.Either<ControlRequest, string> => {
  const account = accountForm.exec(line.trim())
  if (account !== null) return parseAccount(account[1] ?? "")
  const room = roomForm.exec(line.trim())
  if (room !== null) return parseRoom(room[1] ?? "")
  const hook = hookForm.exec(line.trim())
  if (hook !== null) return parseHook(hook[1] ?? "")
  const [, verb = "", rest = ""] = /^(\S*)(.*)$/su.exec(line.trim()) ?? []
  const form = Object.hasOwn(forms, verb) ? forms[verb as Verb] : undefined
  if (form === undefined) return Either.left(unknown(verb))
  const words = (form.hasBlanks === true ? [rest.trim()] : rest.split(/\s+/u)).filter((word) => word !== "")
  const [most] = form.words
  return words.length < form.words.length || words.length > form.words.length + form.optional
    ? Either.left(`write ${form.usage}${most === undefined ? ", and nothing after it" : ""}`)
    : form.parse(words)
}

const accountForm = /^account(?:\s+(.*))?$/su

/** The forms of a request about accounts. A password may contain blanks. */
const parseAccount = (text: string): Either.Either<ControlRequest, string> => {
  const [, verb = "", name = "", password = ""] = /^(\S+)(?:\s+(\S+)(?:\s+(.+))?)?$/su.exec(text) ?? []
  const takesPassword = verb === "add" || verb === "password"
  if (takesPassword && name !== "" && password !== "") {
    return Either.right({ _tag: verb === "add" ? "AddAccount" : "SetPassword", name, password })
  }
  if ((verb === "remove" || verb === "free") && name !== "" && password === "") {
    return Either.right({ _tag: verb === "remove" ? "RemoveAccount" : "FreeAccount", name })
  }
  if (verb === "list" && name === "") return Either.right({ _tag: "ListAccounts" })
  return Either.left(
    "write account add NAME PASSWORD, account password NAME PASSWORD, account remove NAME, account free NAME or " +
      "account list"
  )
}

const roomForm = /^room(?:\s+(.*))?$/su

/** The forms of a request about rooms. */
const parseRoom = (text: string): Either.Either<ControlRequest, string> => {
  const [, verb = "", room = "", rest = ""] = /^(\S+)(?:\s+(\S+)(?:\s+(.+))?)?$/su.exec(text) ?? []
  if (verb === "list" && room === "") return Either.right({ _tag: "ListRooms" })
  if (room.startsWith("#")) {
    if (verb === "create" && !/\s/u.test(rest)) {
      return Either.right({ _tag: "CreateRoom", room, owner: rest === "" ? undefined : rest })
    }
    if (verb === "remove" && rest === "") return Either.right({ _tag: "EndRoom", room })
    const act = roomVerbs.find((one) => one === verb)
    if (act !== undefined) return Either.right({ _tag: "ActInRoom", verb: act, room, text: rest })
  }
  return Either.left(
    "write room list, room create #ROOM [OWNER], room remove #ROOM, or what owners do without its slash, such as " +
      "room lock #ROOM or room silence #ROOM NAME 10m"
  )
}

const hookForm = /^hook(?:\s+(.*))?$/su

/**
 * `hook add ID kind=KIND rooms=#A,#B [name=NAME] [proof=PROOF] [template=TEXT]`: a template contains blanks, so it
 * comes last.
 */
const parseHook = (text: string): Either.Either<ControlRequest, string> => {
  const [, verb = "", id = "", rest = ""] = /^(\S+)(?:\s+(\S+)(?:\s+(.+))?)?$/su.exec(text) ?? []
  if (verb === "list" && id === "") return Either.right({ _tag: "ListHooks" })
  if (verb === "remove" && id !== "" && rest === "") return Either.right({ _tag: "RemoveHook", id })
  if (verb !== "add" || id === "") return Either.left(hookUsage)
  const [, words = "", template] = /^(.*?)(?:(?:^|\s)template=(.+))?$/su.exec(rest) ?? []
  const values = new Map<string, string>()
  for (const word of words.split(/\s+/u).filter((one) => one !== "")) {
    const [, key = "", value = ""] = /^(kind|rooms|name|proof)=(.+)$/u.exec(word) ?? []
    if (key === "" || values.has(key)) return Either.left(hookUsage)
    values.set(key, value)
  }
  const kind = HookKind.hookKindNames.find((name) => name === values.get("kind"))
  if (kind === undefined) return Either.left(`a hook is of one of these kinds: ${HookKind.hookKindNames.join(", ")}`)
  const proof = HookKind.proofs.find((one) => one === values.get("proof"))
  if (values.has("proof") && proof === undefined) return Either.left("a proof is secret or signature")
  const rooms = (values.get("rooms") ?? "").split(",").filter((room) => room !== "")
  return Either.right({ _tag: "AddHook", id, kind, rooms, name: values.get("name"), proof, template })
}

const hookUsage =
  "write hook list, hook remove ID, or hook add ID kind=KIND rooms=#ROOM[,#ROOM] [name=NAME] " +
  "[proof=secret|signature] [template=TEXT]"

/** Requires an absolute path: the operator may not know the server's working folder. */
const parseBackup = (file: string): Either.Either<ControlRequest, string> =>
  isAbsolute(file)
    ? Either.right({ _tag: "Backup", file })
    : Either.left(`${JSON.stringify(file)} is not an absolute path, such as /var/backups/chat.db`)

export const isAboutAccounts = (request: ControlRequest): request is AccountRequest =>
  ["ListAccounts", "RemoveAccount", "FreeAccount", "AddAccount", "SetPassword"].includes(request._tag)

/** The request as logged: without a password, and without the topic of a room. */
export const shown = (line: string): string => {
  const words = line.trim().split(/\s+/u)
  const isShort = words[0] === "account" || (words[0] === "room" && words[1] === "topic")
  return (isShort ? words.slice(0, 3) : words).join(" ")
}

type Verb = "kick" | "ban" | "unban" | "list" | "nodes" | "reload" | "drain" | "backup"

interface Form {
  readonly usage: string
  readonly words: ReadonlyArray<string>
  readonly optional: number
  /** Everything after the verb is one word, which may contain blanks. */
  readonly hasBlanks?: boolean
  readonly parse: (words: ReadonlyArray<string>) => Either.Either<ControlRequest, string>
}

const alone = (verb: Verb, request: ControlRequest): Form => ({
  usage: verb,
  words: [],
  optional: 0,
  parse: () => Either.right(request)
})

const forms: Readonly<Record<Verb, Form>> = {
  kick: {
    usage: "kick NAME",
    words: ["NAME"],
    optional: 0,
    parse: ([name = ""]) => Either.map(BanSubject.parseName(name), (): ControlRequest => ({ _tag: "Kick", name }))
  },
  ban: {
    usage: "ban ADDRESS|NAME [for=TIME]",
    words: ["ADDRESS|NAME"],
    optional: 1,
    parse: ([who = "", time]) =>
      Either.gen(function* () {
        const subject = yield* BanSubject.parse(who)
        return { _tag: "Ban", subject, duration: time === undefined ? undefined : yield* parseTime(time) }
      })
  },
  unban: {
    usage: "unban ADDRESS|NAME",
    words: ["ADDRESS|NAME"],
    optional: 0,
    parse: ([who = ""]) => Either.map(BanSubject.parse(who), (subject): ControlRequest => ({ _tag: "Unban", subject }))
  },
  list: alone("list", { _tag: "List" }),
  nodes: alone("nodes", { _tag: "ListNodes" }),
  reload: alone("reload", { _tag: "Reload" }),
  drain: alone("drain", { _tag: "Drain" }),
  backup: {
    usage: "backup FILE",
    words: ["FILE"],
    optional: 0,
    hasBlanks: true,
    parse: ([file = ""]) => parseBackup(file)
  }
}

/** Requests with a second word. One of these words alone is answered with the possible second words. */
const groups = ["room", "account", "hook"]

/** The requests and their arguments, for people. */
export const usages: ReadonlyArray<string> = [
  ...Object.values(forms).map(({ usage }) => usage),
  ...groups.map((group) => `${group} …`)
]

const parseTime = (word: string): Either.Either<Duration.Duration, string> => {
  const [, text = ""] = /^for=(.*)$/su.exec(word) ?? []
  const time = Units.parseDuration(text)
  const range = `${Units.showDuration(shortest)} to ${Units.showDuration(longest)}`
  if (time === undefined) return Either.left(`${JSON.stringify(word)} is not a time such as for=10m; allowed: ${range}`)
  return Duration.between(time, { minimum: shortest, maximum: longest })
    ? Either.right(time)
    : Either.left(`${JSON.stringify(word)} is out of range; allowed: ${range}`)
}

const unknown = (verb: string) =>
  DidYouMean.unknownRequest(verb, [...Object.keys(forms), ...groups], `there are ${usages.join(", ")}`)
