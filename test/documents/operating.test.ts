import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { defaults } from "../../src/chat/Options.js"
import * as SettingsTable from "../../src/cli/serve/SettingsTable.js"
import * as Certificates from "../support/Certificates.js"
import * as Documents from "../support/Documents.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const document = Documents.text("OPERATING.md")

const quoted = (cell = ""): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/gu)].map(([, span = ""]) => span)

describe("The settings in OPERATING", () => {
  const table = Documents.rows(Documents.section(document, "Settings"))
  const known = quoted(table.map(([flags]) => flags).join())

  it("are the table that the settings render; `npm run settings` writes it", () => {
    assert.include(document, `\n\n${SettingsTable.markdown()}\n\n`)
  })

  it.live("are those of the server, each once", () =>
    Effect.map(Program.run(["config"]), ({ output }) => {
      const names = output.trim().split("\n")
      assert.deepStrictEqual(known.toSorted(), names.map((line) => `--${line.split(" ")[0]}`).toSorted())
    })
  )

  it.live("have the defaults of the server, where these are plain values", () =>
    Effect.map(Program.run(["config"]), ({ output }) => {
      let compared = 0
      for (const line of output.trim().split("\n")) {
        const [name, value = "", place] = line.split(/ {2,}/u)
        assert.strictEqual(place, "default")
        if (!/^(?:off|none|no|[a-z]+|[\d.,]+(?: \w+)?)$/u.test(value)) continue // a phrase
        const row = table.find(([flags]) => quoted(flags).includes(`--${name}`))
        assert.strictEqual(row?.[1], value, name)
        compared += 1
      }
      assert.isAbove(compared, 25)
    })
  )
})

/** The units of systemd, by their names. */
const units = ["a-chat.socket", "a-chat.service"].map(
  (name) => [name, Documents.text(`scripts/packaging/systemd/${name}`)] as const
)

/** The complaints of systemd about units, where the program is the built one. */
const verify = (all: typeof units) =>
  Effect.map(temporaryFolder, (folder) => {
    const files = all.map(([name]) => join(folder, name))
    for (const [name, unit] of all) {
      writeFileSync(join(folder, name), unit.replaceAll("/usr/bin/a-chat", Program.main))
    }
    const { output } = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], { encoding: "utf8" })
    return output.join("")
  })

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0

describe("The systemd units that OPERATING describes", () => {
  it.skipIf(!hasSystemd)("pass systemd's own check, which finds a misspelt setting", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* verify(units), "")
          const misspelt = units.map(([name, unit]) => [name, unit.replace("LimitNOFILE", "LimitNoFile")] as const)
          assert.match(yield* verify(misspelt), /a-chat\.service:\d+: Unknown key/)
        })
      )
    )
  )

  it("give the server more time to stop than its drain takes", () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/mu.exec(units.join()) ?? []
    assert.isAbove(Number(seconds), Duration.toSeconds(defaults.grace) + 1) // and its last words
  })
})

/** The log of a server that one client visits, as JSON, and its answers to requests at `--admin`. */
const watched = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const [file, control] = [join(folder, "chat.toml"), join(folder, "control")]
  writeFileSync(file, "rate = 1000\n")
  const { cert, key } = Certificates.pair("server")
  const listeners = ["--listen", "tcp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0", "--tls-cert", cert]
  const settings = ["--tls-key", key, "--admin", "0", "--config", file, "--control", control, "--store", "memory"]
  const log = ["--log-level", "debug", "--log-format", "json"]
  const server = yield* Program.start(["serve", ...listeners, ...settings, ...log])
  const port = yield* server.says("errors", /"message":"listening","address":"127\.0\.0\.1:(\d+)"/u)
  const admin = yield* server.says("errors", /"message":"admin listening","address":"\S+:(\d+)"/u)
  const get = (path: string) =>
    Effect.promise(async () => {
      const answer = await fetch(`http://127.0.0.1:${admin}${path}`)
      return { status: answer.status, text: await answer.text() }
    })
  yield* Program.run(["connect", "--port", port, "--login", "alice"], { input: "alice: hi\n" })
  return { server, get, control }
})

/** The messages of the events that the sources log at info or debug level. */
const messagesInSources = Documents.sources().flatMap((source) =>
  [...source.matchAll(/\blog(?:Info|Debug)\("([^"]+)"\)|\bmessage: "([^"]+)",\s+facts:/gu)].map(
    ([, plain, withFacts]) => plain ?? withFacts ?? ""
  )
)

/** Only a server with --cluster has the metrics of a cluster. */
const isInSources = (metric: string) => Documents.sources().some((source) => source.includes(`"${metric}"`))

const ofCluster = ["`node joined`", "`resumed`", "`connected to NATS again`"]

describe("Watching in OPERATING", () => {
  it.scopedLive("names paths that the server answers", () =>
    Effect.gen(function* () {
      const { get } = yield* watched
      const paths = Documents.rows(Documents.section(document, "Watching")).flatMap(([cell]) => quoted(cell))
      assert.lengthOf(paths, 7)
      for (const path of paths) assert.strictEqual((yield* get(path)).status, 200, path)
    })
  )

  it.scopedLive("names metrics that the server has", () =>
    Effect.gen(function* () {
      const { get } = yield* watched
      const { text } = yield* get("/metrics")
      const names = Documents.rows(Documents.section(document, "Metrics to watch")).flatMap((row) => quoted(row.join()))
      assert.isAtLeast(names.length, 8)
      let metric = ""
      for (const name of names) {
        metric = /^\w+/u.exec(name)?.[0] ?? metric // a label alone belongs to the metric before it
        if (metric.startsWith("achat_cluster_")) {
          assert.isTrue(isInSources(metric), metric)
          continue
        }
        const label = /\{(.*)\}/u.exec(name)?.[1] ?? ""
        assert.isTrue(
          text
            .split("\n")
            .some((line) => new RegExp(`^${metric}(?:_bucket)?\\b`, "u").test(line) && line.includes(label)),
          name
        )
      }
    })
  )

  it("names all events below the level of warnings", () => {
    const named = Documents.rows(Documents.section(document, "Logs")).flatMap(([cell]) => quoted(cell))
    assert.isAtLeast(messagesInSources.length, 8)
    assert.deepStrictEqual(named.toSorted(), [...new Set(messagesInSources)].toSorted())
  })

  it.scopedLive("names the levels and the fields of the log's events", () =>
    Effect.gen(function* () {
      const { control, server } = yield* watched
      for (const words of [["create"], ["slow", "5s"]]) {
        const [verb = "", ...more] = words
        yield* Program.run(["control", "--socket", control, "room", verb, "#ops", ...more])
      }
      const { output, status } = yield* Program.run(["control", "--socket", control, "reload"])
      assert.deepStrictEqual([status, output.split("\n")[0]], [0, "no setting has changed"])
      yield* server.kill("SIGTERM")
      const { errors } = yield* server.ended
      const events = errors
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const table = Documents.rows(Documents.section(document, "Logs"))
      assert.isAtLeast(table.length, 8)
      for (const [message = "", level, fields] of table) {
        if (message === "`the store works again`") continue // there was no trouble; conversations/damaged logs it
        if (ofCluster.includes(message)) continue // cluster/serve logs them
        const event = events.find((event) => `\`${String(event["message"])}\`` === message)
        const { fiber, level: found, message: _, timestamp, ...own } = event ?? {}
        for (const common of [fiber, timestamp]) assert.isString(common, message)
        assert.strictEqual(found, level?.toUpperCase(), message)
        // only after a failure
        const shown = quoted(fields).filter((field) => !["cutOff", "error", "list"].includes(field))
        assert.deepStrictEqual(shown.toSorted(), Object.keys(own).toSorted(), message)
      }
    })
  )
})
