import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Duration from "effect/Duration"
import { existsSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import * as Escape from "../../client/Escape.js"
import { print } from "../../client/Output.js"
import type { StoreService } from "../../ports/Store.js"
import { StoreError } from "../../ports/StoreError.js"
import type { StoreFault, StoreRecord, StoreStatistics } from "../../ports/StoreUpkeep.js"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as ExitStatus from "../ExitStatus.js"
import * as StoreFlags from "../serve/StoreFlags.js"
import * as Command from "../settings/Command.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as Control from "./control.js"

export const settings = {
  store: Setting.text("store", "file|url", {
    about: "The store of a server that does not run: a file, or postgres://…",
    default: undefined,
    defaultText: "none; required, but not for copy, nor with --socket"
  }),
  socket: Setting.text("socket", "path", {
    about: "With backup: the Unix socket of serve --control, for a server that runs",
    default: undefined
  }),
  timeout: Setting.duration("timeout", {
    about: "With --socket: time to wait for the backup",
    default: Duration.hours(1),
    min: Duration.millis(1),
    max: Duration.days(7)
  }),
  json: Setting.toggle(
    "json",
    "With check: print one JSON object, with the faults and what is stored; with --socket: the answer of the server"
  )
}

const usages = ["check", "backup FILE", "copy FROM TO", "export", "import"]

const parameters = {
  request: Command.rest("request", `One of: ${usages.join(", ")}`)
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const { origins, values } = yield* Flags.resolve(settings, line.flags)
    const { json, socket, store, timeout } = values
    const [verb = "", ...words] = line.request
    const [one = "", other = ""] = words
    const needed = { check: 0, backup: 1, copy: 2, export: 0, import: 0 }
    if (!Object.hasOwn(needed, verb) || words.length !== needed[verb as keyof typeof needed]) {
      const forms = `write one of: ${usages.join(", ")}`
      const isKnown = verb === "" || Object.hasOwn(needed, verb)
      return yield* ExitStatus.misused(isKnown ? forms : DidYouMean.unknownRequest(verb, Object.keys(needed), forms))
    }
    if (origins.socket === "flag" && (verb !== "backup" || origins.store === "flag")) {
      return yield* ExitStatus.misused("--socket is for the backup of a server that runs, without --store")
    }
    // The environment may set both; the flag --store then selects a stopped server's store.
    if (socket !== undefined && verb === "backup" && origins.store !== "flag") {
      return yield* Control.show(yield* Control.ask(socket, `backup ${resolve(one)}`, timeout), json)
    }
    if (verb === "copy") return yield* copy(one, other)
    if (store === undefined) return yield* ExitStatus.misused("a store is required: --store, or ACHAT_STORE")
    if (verb === "import") return yield* filled(store, importing)
    return yield* Effect.scoped(
      Effect.flatMap(existing(store), verb === "check" ? check(json) : verb === "backup" ? backup(one) : exporting)
    )
  }).pipe(Effect.mapError(Control.asFailure))
)

/** Opens an existing store. */
const existing = (target: string) =>
  StoreFlags.isFile(target) && !existsSync(target)
    ? ExitStatus.misused(`there is no store ${target}`)
    : StoreFlags.openStopped(target)

const check = (json: boolean) => (store: StoreService) =>
  Effect.gen(function* () {
    const faults = yield* store.check
    const isIntact = faults.length === 0
    if (!isIntact) process.exitCode = ExitStatus.failed
    // The contents of a damaged file may be impossible to count.
    const statistics = yield* Effect.catchIf(
      Effect.asSome(store.statistics),
      () => !isIntact,
      () => Effect.succeedNone
    )
    const result = { ok: isIntact, faults, ...Option.getOrElse(statistics, () => ({})) }
    return yield* print(process.stdout, json ? `${JSON.stringify(result)}\n` : resultOf(faults, statistics))
  })

const resultOf = (faults: ReadonlyArray<StoreFault>, statistics: Option.Option<StoreStatistics>): string => {
  if (faults.length > 0 || Option.isNone(statistics)) return faults.map((fault) => `${Escape.show(fault)}\n`).join("")
  const { expired, given, stored, waiting } = statistics.value
  return (
    `no faults; ${contentOf(statistics.value)}; ${counted(stored, "direct line")} stored = ${given} given + ` +
    `${waiting} waiting + ${expired} expired\n`
  )
}

const contentOf = ({ accounts, conversations, lines }: StoreStatistics) =>
  [counted(accounts, "account"), counted(conversations, "conversation"), counted(lines, "line")].join(", ")

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`

const backup = (file: string) => (store: StoreService) => store.backup(file)

const exporting = (store: StoreService) =>
  Effect.gen(function* () {
    const ExportFormat = yield* StoreFlags.exportFormat
    const texts = Stream.grouped(ExportFormat.encoded(Stream.tap(store.exported, reportLost)), printedLines)
    yield* Stream.runForEach(texts, (lines) => print(process.stdout, [...lines].join("")))
  })

const importing = (store: StoreService) =>
  Effect.gen(function* () {
    const ExportFormat = yield* StoreFlags.exportFormat
    const bytes = Stream.fromAsyncIterable<Uint8Array, StoreError>(
      process.stdin,
      (cause) =>
        new StoreError({ reason: "unavailable", description: `cannot read the input: ${String(cause)}`, cause })
    )
    const lines = bytes.pipe(Stream.decodeText(), Stream.splitLines)
    yield* store.imported(ExportFormat.decoded(lines))
    yield* report(store)
  })

const copy = (from: string, to: string) =>
  Effect.scoped(
    Effect.flatMap(existing(from), (source) =>
      filled(to, (store) => Effect.zipRight(store.imported(Stream.tap(source.exported, reportLost)), report(store)))
    )
  )

/** Opens a store, which may be new, and fills it. If that fails, a file that was created for it is removed. */
const filled = <E, R>(target: string, fill: (store: StoreService) => Effect.Effect<void, E, R>) =>
  Effect.suspend(() => {
    const isNew = StoreFlags.isFile(target) && !existsSync(target)
    return Effect.scoped(Effect.flatMap(StoreFlags.openStopped(target), fill)).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          if (!isNew) return
          for (const suffix of ["", "-wal", "-reserve"]) rmSync(`${target}${suffix}`, { force: true })
        })
      )
    )
  })

/** Reports a damaged record that is left out. The command continues to rescue the rest. */
const reportLost = (record: StoreRecord) =>
  Effect.sync(() => {
    const { lost = 0 } = record.type === "totals" ? record : {}
    if (record.type !== "lost" && lost === 0) return
    process.exitCode = ExitStatus.failed
    ExitStatus.say(
      record.type === "lost"
        ? `damaged, and left out: ${lostTexts[record.what](record.id)}`
        : `lines that are damaged, and are left out: ${lost}; see a-chat store check`
    )
  })

const lostTexts: Readonly<Record<(StoreRecord & { type: "lost" })["what"], (id: number) => string>> = {
  account: (id) => `account ${id}; its conversations are those of the freed account lost-${id}`,
  devices: (id) => `the devices of account ${id}, with their tokens`,
  conversation: (id) => `conversation ${id}, with its lines`,
  members: (id) => `members of conversation ${id}, or how far they were given it`,
  invitations: (id) => `the invitations to the room that is conversation ${id}`,
  places: (id) => `the places of devices of account ${id}, which are given again what is kept`,
  returns: () => "the expired lines whose senders were still to be notified"
}

const report = (store: StoreService) =>
  Effect.flatMap(store.statistics, (statistics) => print(process.stdout, `${contentOf(statistics)}\n`))

/** Lines of an export written at once. */
const printedLines = 100
