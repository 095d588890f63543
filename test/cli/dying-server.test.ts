import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { serve, type Death, type Stage } from "../support/dying-server.mjs"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"

/** A command, and its exit status when the server dies at each stage, however it dies. */
interface Case {
  readonly args: ReadonlyArray<string>
  /** Standard input; it stays open unless it is `closed`. */
  readonly input?: string
  readonly closed?: boolean
  readonly statuses: Partial<Record<Stage, number>>
  /** What must be on standard output, and nothing else, where that is known. */
  readonly output?: string
}

/** The login is taken for certain after the proof that `/hello` was answered; before that nothing was sent. */
const greeting = { accept: 2, login: 2, hello: 2, "hello proof": 2 } as const

const cases: Readonly<Record<string, Case>> = {
  // It writes no line to itself.
  "send with a text": {
    args: ["send", "bob", "hi"],
    statuses: { accept: 2, login: 2, hello: 2, message: 3 },
    output: ""
  },
  "send with a closed input": {
    args: ["send", "bob"],
    input: "hi\n",
    closed: true,
    statuses: { message: 3 },
    output: ""
  },
  "send with an open input": { args: ["send", "bob"], input: "hi\n", statuses: { message: 3 }, output: "" },
  "send --json": {
    args: ["send", "--json", "bob", "hi"],
    statuses: { message: 3 },
    output: `{"line":1,"to":"bob","outcome":"unknown"}\n`
  },
  "send --retry": {
    args: ["send", "--retry", "3", "bob"],
    input: "hi\n",
    closed: true,
    statuses: { message: 3 },
    output: ""
  },
  "send to several": { args: ["send", "bob,carol", "hi"], statuses: { message: 3 }, output: "" },
  "send --wait none": {
    args: ["send", "--wait", "none", "bob", "hi"],
    statuses: { message: 3, quit: 3 },
    output: ""
  },
  ask: { args: ["ask", "bob", "hi"], statuses: { accept: 2, login: 2, hello: 2, message: 3, delivery: 3 }, output: "" },
  "ask --retry --any": {
    args: ["ask", "--retry", "3", "--any", "--timeout", "3s", "bob,carol", "hi"],
    statuses: { message: 3 },
    output: ""
  },
  "connect with a closed input": {
    args: ["connect"],
    input: "alice\nbob: hi\n",
    closed: true,
    statuses: { accept: 3, login: 3, "first ping": 3, message: 3, "later ping": 3, quit: 3 }
  },
  "connect --login with a closed input": {
    args: ["connect", "--login", "alice"],
    input: "bob: hi",
    closed: true,
    statuses: { message: 3, quit: 3 }
  },
  "connect with an open input": { args: ["connect"], input: "alice\nbob: hi\n", statuses: { accept: 3, message: 3 } },
  listen: {
    args: ["listen", "--login", "alice", "--no-reconnect", "--count", "1"],
    statuses: { accept: 2, login: 2, hello: 2, delivery: 3 },
    output: ""
  },
  exec: {
    args: ["exec", "--login", "alice", "--no-reconnect", "--", "cat"],
    statuses: { ...greeting, delivery: 3 },
    output: ""
  },
  who: { args: ["who"], statuses: { accept: 2, who: 2 }, output: "" },
  ping: {
    args: ["ping", "--count", "2", "--interval", "0"],
    statuses: { accept: 2, "first ping": 2, "later ping": 1 }
  }
}

const deaths: ReadonlyArray<Death> = ["fin", "reset", "torn", "kill"]

const script = fileURLToPath(new URL("../support/dying-server.mjs", import.meta.url))

/** The port of a server that dies. `kill` needs a process of its own. */
const dying = (stage: Stage, death: Death) =>
  death === "kill"
    ? Effect.acquireRelease(
        Effect.promise(async () => {
          const server = spawn(process.execPath, [script, stage, death])
          const [port] = (await once(server.stdout, "data")) as [Buffer]
          return { server, port: String(port).trim() }
        }),
        ({ server }) => Effect.sync(() => server.kill("SIGKILL"))
      ).pipe(Effect.map(({ port }) => port))
    : Effect.map(FakeServer.make(serve(stage, death)), ({ port }) => String(port))

const testCase = (name: string, { args, closed, input, output, statuses }: Case) => {
  for (const death of deaths) {
    it.scopedLive(`${name}: ${death} at each stage`, () =>
      Effect.gen(function* () {
        const [command = "", ...rest] = args
        const results: Partial<Record<string, number | null>> = {}
        const run = (stage: Stage) =>
          Effect.gen(function* () {
            const port = yield* dying(stage, death)
            const inputStaysOpen = input !== undefined && closed !== true
            const ended = yield* Program.run([command, "--port", port, ...rest], {
              input: input ?? "",
              inputStaysOpen
            })
            results[stage] = ended.status
            const lines = ended.errors.split("\n").slice(0, -1)
            assert.strictEqual(lines.length, 1, `one line at ${stage}, not ${JSON.stringify(ended.errors)}`)
            if (output !== undefined && ended.status === 3) assert.strictEqual(ended.output, output, stage)
          })
        yield* Effect.forEach(Object.keys(statuses) as ReadonlyArray<Stage>, run, { discard: true })
        assert.deepStrictEqual(results, statuses)
      })
    )
  }
}

const isConnect = ([, { args }]: readonly [string, Case]) => args[0] === "connect"

describe.concurrent("the exit status when the server dies", () => {
  for (const [name, one] of Object.entries(cases).filter((entry) => !isConnect(entry))) testCase(name, one)
})

// One after the other: `connect` takes a server that is silent for a second for an original one, and the servers of
// these tests share a thread with it.
describe("the exit status of connect when the server dies", () => {
  for (const [name, one] of Object.entries(cases).filter(isConnect)) testCase(name, one)
})
