import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { NotConnected } from "../../src/cluster/NatsConnection.js"
import { codes, JetStreamError, NatsJetStream } from "../../src/cluster/NatsJetStream.js"
import { type LeaderRequest, NatsStuckLeader } from "../../src/cluster/NatsStuckLeader.js"
import { NatsTable } from "../../src/cluster/NatsTable.js"
import { eventually } from "../support/Eventually.js"
import * as NatsServers from "../support/NatsServers.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const timeout = new Error("timeout")

/** Everything that was asked for before has been answered. */
const answered = () => new Promise((resolve) => setImmediate(resolve))

const world = (random = 0) => {
  let now = 0
  let leader: string | undefined = "n1"
  let refusal: Error | undefined
  const asked: Array<number> = []
  const reports: Array<LeaderRequest> = []
  const stuck = new NatsStuckLeader({
    stream: "achat-nodes",
    now: () => now,
    random: () => random,
    leader: () => (leader === undefined ? Promise.reject(timeout) : Promise.resolve(leader)),
    stepDown: () => {
      asked.push(now / 1_000)
      return refusal === undefined ? Promise.resolve() : Promise.reject(refusal)
    },
    report: (request) => void reports.push(request)
  })
  stuck.leads("n1") // the table has found its stream before it writes
  return {
    stuck,
    asked,
    reports,
    elect: (name: string | undefined) => void (leader = name),
    refuse: (error: Error) => void (refusal = error),
    /** A write fails each second until this one. */
    fail: async (until: number, error: Error = timeout) => {
      for (; now <= until * 1_000; now += 1_000) {
        stuck.failed(error)
        await answered() // oxlint-disable-line no-await-in-loop -- one after the other
      }
    },
    pass: (seconds: number) => void (now += seconds * 1_000)
  }
}

describe("a leader of a NATS stream that accepts no write", () => {
  it("is asked to stand down after half a minute, and not before", async () => {
    const { asked, fail, reports } = world()
    await fail(29)
    assert.deepStrictEqual(asked, [])
    await fail(30)
    assert.deepStrictEqual(asked, [30])
    assert.deepStrictEqual(reports, [{ _tag: "Asked", stream: "achat-nodes", leader: "n1", failingMillis: 30_000 }])
  })

  it("is asked at different times by different nodes", async () => {
    const { asked, fail } = world(0.9)
    await fail(60)
    assert.deepStrictEqual(asked, [39])
  })

  it("is asked again after twice the time, and at last every eight minutes", async () => {
    const { asked, fail, reports } = world()
    await fail(2_000)
    assert.deepStrictEqual(asked, [30, 90, 210, 450, 930, 1_410, 1_890])
    assert.lengthOf(reports, 7)
  })

  it("has as much time as the one before if it was elected meanwhile", async () => {
    const { asked, elect, fail } = world()
    await fail(20)
    elect("n2") // which is found out when n1 is to be asked
    await fail(59)
    assert.deepStrictEqual(asked, [])
    await fail(60)
    assert.deepStrictEqual(asked, [60])
  })

  it("is not asked if any write succeeds", async () => {
    const { asked, fail, stuck } = world()
    await fail(29)
    stuck.wrote()
    await fail(58)
    assert.deepStrictEqual(asked, [])
  })

  it("is asked at the usual time again once a write has succeeded", async () => {
    const { asked, fail, stuck } = world()
    await fail(200)
    stuck.wrote()
    await fail(231)
    assert.deepStrictEqual(asked, [30, 90, 231])
  })

  it("is not asked for failures that are far apart", async () => {
    const { asked, pass, stuck } = world()
    for (let i = 0; i < 10; i++) {
      stuck.failed(timeout)
      await answered() // oxlint-disable-line no-await-in-loop -- one after the other
      pass(30)
    }
    assert.deepStrictEqual(asked, [])
  })

  it("is not asked because of a lost connection, or because nodes write at the same time", async () => {
    const { asked, fail } = world()
    await fail(100, new NotConnected())
    await fail(200, new JetStreamError(codes.wrongLastSequence, "wrong last sequence: 7"))
    assert.deepStrictEqual(asked, [])
  })

  it("is not asked while no server reports who it is", async () => {
    const { asked, elect, fail } = world()
    elect(undefined)
    await fail(100)
    assert.deepStrictEqual(asked, [])
    elect("n1")
    await fail(101)
    assert.deepStrictEqual(asked, [101])
  })

  it("and that refuses is reported once, until writes succeed", async () => {
    const { fail, refuse, reports, stuck } = world()
    refuse(new Error("Permissions Violation"))
    await fail(300)
    const refused = { _tag: "Refused", stream: "achat-nodes", leader: "n1", reason: "Permissions Violation" } as const
    assert.deepStrictEqual(reports, [refused])
    stuck.wrote()
    await fail(400)
    assert.deepStrictEqual(reports, [refused, refused])
  })
})

/** Writes are not done as long as this server leads the stream. */
class Stuck extends NatsJetStream {
  stuck: string | undefined

  override async write(...args: Parameters<NatsJetStream["write"]>): Promise<number> {
    const { cluster } = await this.streamInfo("test-nodes")
    if (cluster?.leader === this.stuck) throw timeout
    return super.write(...args)
  }
}

const connected = (url: string, user: { readonly user?: string; readonly pass?: string } = {}) =>
  Effect.gen(function* () {
    const connection = yield* NatsServers.connected(url, user)
    let now = 0
    const reports: Array<LeaderRequest> = []
    const jetStream = new Stuck(connection, 1_000)
    const table = new NatsTable(
      connection,
      jetStream,
      "test",
      "nodes",
      () => now,
      () => {},
      (request) => void reports.push(request)
    )
    const attempt = Effect.tryPromise(() => table.swap("a", 0, "alive"))
    const leader = Effect.promise(async () => (await jetStream.streamInfo("test-nodes")).cluster?.leader)
    // The servers elect a leader of all streams first.
    yield* Effect.retry(
      Effect.tryPromise(() => table.get("a")),
      { times: 300, schedule: Schedule.spaced("100 millis") }
    )
    return { attempt, jetStream, leader, pass: (millis: number) => void (now += millis), reports }
  })

describe.skipIf(NatsServers.missing)("three NATS servers", () => {
  it.scopedLive(
    "elect another leader, which accepts writes",
    () =>
      Effect.gen(function* () {
        const [server] = yield* NatsServers.three()
        const { attempt, jetStream, leader, pass, reports } = yield* connected(server?.url ?? "")
        const first = (yield* leader) ?? ""
        jetStream.stuck = first
        for (let i = 0; i < 5; i++) {
          yield* Effect.flip(attempt)
          pass(10_000)
        }
        const written = yield* Effect.retry(attempt, { times: 150, schedule: Schedule.spaced("100 millis") })
        assert.isNumber(written)
        assert.notStrictEqual(yield* leader, first)
        assert.deepInclude(reports[0], { _tag: "Asked", stream: "test-nodes", leader: first })
      }),
    60_000
  )

  it.scopedLive(
    "that do not let a node ask for another leader cause one warning, and nothing else",
    () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "nats.conf")
        const may = `{ publish: { allow: [">"], deny: ["$JS.API.STREAM.LEADER.>"] } }`
        writeFileSync(file, `authorization { users: [{ user: a, password: b, permissions: ${may} }] }\n`)
        const [server] = yield* NatsServers.three("-c", file)
        const user = { user: "a", pass: "b" }
        const { attempt, jetStream, leader, pass, reports } = yield* connected(server?.url ?? "", user)
        const first = (yield* leader) ?? ""
        jetStream.stuck = first
        for (let i = 0; i < 20; i++) {
          yield* Effect.flip(attempt)
          pass(20_000)
          yield* Effect.sleep("20 millis")
        }
        yield* eventually(() => reports.length > 0, "there is no warning")
        assert.lengthOf(reports, 1)
        assert.deepInclude(reports[0], { _tag: "Refused", leader: first })
        assert.match(reports[0]?._tag === "Refused" ? reports[0].reason : "", /Permissions Violation/u)
        assert.strictEqual(yield* leader, first)
        jetStream.stuck = undefined
        assert.isNumber(yield* attempt)
      }),
    60_000
  )
})
