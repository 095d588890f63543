import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Admission, LoginDecision } from "../../src/chat/Admission.js"
import type { Answer, Command } from "../../src/chat/Commands.js"
import * as FatalReply from "../../src/protocol/FatalReply.js"
import { pass, startMemoryBroker, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

/** Logins that are decided when the test says so. */
const slowLogins = () => {
  const open = new Map<string, Deferred.Deferred<LoginDecision>>()
  const admission: Admission = {
    decide: ({ name }) =>
      Effect.flatMap(Deferred.make<LoginDecision>(), (decision) => {
        open.set(`${name}${open.has(name) ? " again" : ""}`, decision)
        return Deferred.await(decision)
      })
  }
  const decide = (name: string, decision?: FatalReply.Fatal) =>
    Effect.gen(function* () {
      yield* settle
      const question = open.get(name)
      if (question === undefined) return yield* Effect.dieMessage(`nobody asked about ${name}`)
      yield* Deferred.succeed(question, decision)
      yield* settle
    })
  return { admission, decide, open }
}

const broken: Admission = { decide: ({ name }) => (name === "alice" ? Effect.die("broken") : undefined) }

/** A command that is answered when the test says so. */
const slowCommand = () => {
  const open: Array<Deferred.Deferred<Answer>> = []
  const command: Command = {
    name: "slow",
    usage: "/slow",
    about: "takes its time",
    run: () =>
      Effect.flatMap(Deferred.make<Answer>(), (answer) => {
        open.push(answer)
        return Deferred.await(answer)
      })
  }
  const answer = (value: Answer) =>
    Effect.gen(function* () {
      yield* settle
      const question = open.shift()
      if (question === undefined) return yield* Effect.dieMessage("nobody asked")
      yield* Deferred.succeed(question, value)
      yield* settle
    })
  return { command, answer, open }
}

const heard = (client: MemoryClient) => client.received.map((line) => line.split(":", 1)[0])

describe("a login that takes its time", () => {
  it.scoped("keeps the lines after it waiting, in order, and holds no other client", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const chat = yield* startMemoryBroker({}, { admission })
      const [alice, bob] = [yield* chat.connect, yield* chat.connect]
      bob.say("bob")
      yield* decide("bob")
      alice.say("alice", "bob: 1", "/ping 1", "bob: 2")
      yield* settle
      assert.deepStrictEqual(alice.received, [])
      bob.say("bob: meanwhile", "alice: are you here?")
      yield* bob.barrier
      assert.deepStrictEqual(heard(bob), ["from bob", "! undelivered alice reason=offline", "* pong"])
      yield* decide("alice")
      assert.deepStrictEqual(alice.received, ["* pong: 1"])
      assert.deepStrictEqual(bob.received.slice(3), ["from alice: 1", "from alice: 2"])
    })
  )

  it.scoped("is refused with everything after it", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const chat = yield* startMemoryBroker({}, { admission })
      const alice = yield* chat.connect
      alice.say("alice", "/ping", "alice")
      yield* decide("alice", FatalReply.otherIdentity)
      yield* alice.ended
      assert.deepStrictEqual(heard(alice), ["! bad-login fatal"])
      assert.isTrue(alice.end().inOrder)
    })
  )

  it.scoped("is not cut short by the login deadline, which ends with its line", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const loginTimeout = Duration.seconds(10)
      const chat = yield* startMemoryBroker({ loginTimeout, stallTimeout: Duration.hours(1) }, { admission })
      const [alice, silent] = [yield* chat.connect, yield* chat.connect]
      alice.say("alice")
      yield* pass(60_000)
      assert.match(silent.received[0] ?? "", /^! login-timeout fatal/u)
      assert.deepStrictEqual(alice.received, [])
      yield* decide("alice")
      yield* alice.barrier
    })
  )

  it.scoped("is dropped when the connection breaks in the meantime: the name stays free", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const chat = yield* startMemoryBroker({}, { admission })
      const [alice, bob] = [yield* chat.connect, yield* chat.connect]
      alice.say("alice", "alice: to myself")
      yield* settle
      alice.socket.reset()
      yield* pass(250)
      assert.deepStrictEqual(chat.reasons, ["connection-lost"])
      yield* decide("alice")
      bob.say("bob")
      yield* decide("bob")
      bob.say("alice: hi")
      yield* bob.barrier
      assert.deepStrictEqual(heard(bob), ["! undelivered alice reason=offline", "* pong"])
      assert.strictEqual(chat.broker.ledger.snapshot().accepted, 1, "of alice's lines none")
    })
  )

  it.scoped("gives the name to the one that is decided first", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const chat = yield* startMemoryBroker({}, { admission })
      const [first, second] = [yield* chat.connect, yield* chat.connect]
      first.say("alice")
      yield* settle
      second.say("alice")
      yield* decide("alice again")
      yield* second.barrier
      yield* decide("alice")
      assert.deepStrictEqual(heard(first), ["! login-in-use alice fatal"])
    })
  )

  it.scoped("is waited for by a shutdown, as long as the grace time lasts", () =>
    Effect.gen(function* () {
      const { admission, decide } = slowLogins()
      const chat = yield* startMemoryBroker({}, { admission })
      const [alice, late] = [yield* chat.connect, yield* chat.connect]
      alice.say("alice", "alice: to myself")
      late.say("late", "late: never routed", "/ping")
      yield* settle
      yield* chat.broker.drain
      yield* pass(1_000)
      assert.deepStrictEqual([...alice.received, ...late.received], [])
      yield* decide("alice")
      assert.deepStrictEqual(heard(alice), ["from alice"])
      yield* chat.broker.cutOff
      yield* pass(1_000)
      assert.deepStrictEqual(heard(late), ["! closing retry=1000 fatal"])
      yield* alice.ended
      yield* late.ended
      yield* decide("late")
      for (const { socket } of [alice, late]) socket.end()
      yield* settle
      assert.sameMembers([...chat.reasons], ["shutdown", "cut-off"])
    })
  )

  it.scoped("that ends in a defect ends its connection, and no other", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryBroker({}, { admission: broken })
      const [alice, bob] = [yield* chat.connect, yield* chat.join("bob")]
      alice.say("alice")
      yield* settle
      assert.deepStrictEqual(chat.reasons, ["internal-error"])
      yield* bob.barrier
    })
  )
})

describe("a command that takes its time", () => {
  const start = Effect.gen(function* () {
    const { answer, command, open } = slowCommand()
    const chat = yield* startMemoryBroker({}, { features: [() => ({ commands: [command] })] })
    const [alice, bob] = [yield* chat.join("alice"), yield* chat.join("bob")]
    alice.say("/hello")
    yield* alice.barrier
    const seen = alice.received.length
    return { ...chat, alice, bob, answer, open, since: () => alice.received.slice(seen) }
  })

  it.scoped("is answered in its order, also several of them", () =>
    Effect.gen(function* () {
      const { alice, answer, bob, open, since } = yield* start
      alice.say("nobody: hi", "@k /slow", "bob: after it", "/slow", "/ping end")
      yield* settle
      assert.lengthOf(open, 1, "one at a time")
      assert.match(since().join(), /^! undelivered nobody reason=offline: /u)
      yield* answer(["* pong: slow\n", "* pong: twice\n"])
      assert.deepStrictEqual(bob.received.slice(1), ["from alice: after it"])
      yield* answer(["* pong: again\n"])
      assert.deepStrictEqual(since().slice(1), ["* pong: slow", "* pong: twice", "* pong: again", "* pong: end"])
    })
  )

  it.scoped("may make the client leave", () =>
    Effect.gen(function* () {
      const { alice, answer, since } = yield* start
      alice.say("@k /slow", "/ping never")
      yield* answer("leave")
      yield* alice.ended
      assert.match(since().join("\n"), /^\* bye @k reason=quit: [^\n]*$/u)
    })
  )

  it.scoped("takes the end of its client's input after it, and the lines that a broken client had sent whole", () =>
    Effect.gen(function* () {
      const { alice, answer, bob, join } = yield* start
      const carol = yield* join("carol")
      alice.say("/slow", "bob: from alice, who left")
      carol.say("/slow", "bob: from carol, whose connection broke")
      yield* settle
      alice.socket.end()
      carol.socket.reset()
      yield* pass(250)
      assert.notInclude(bob.received, "from alice: from alice, who left", "the question comes first")
      yield* answer(["* pong: 1\n"])
      yield* answer(["* pong: 2\n"])
      yield* bob.barrier
      assert.sameMembers(bob.received.slice(1, -1), [
        "from alice: from alice, who left",
        "from carol: from carol, whose connection broke"
      ])
    })
  )

  it.scoped("is not waited for by lines to its client, which a shutdown that has lasted too long returns", () =>
    Effect.gen(function* () {
      const { alice, bob, broker, since } = yield* start
      bob.say("/slow")
      yield* settle
      bob.socket.pause()
      alice.say(...Array.from({ length: 5 }, () => `bob: ${"x".repeat(60_000)}`))
      yield* settle
      yield* broker.drain
      yield* pass(1_000)
      yield* broker.cutOff
      yield* pass(1_000)
      const { dead, inFlight, returned } = broker.ledger.snapshot()
      assert.deepStrictEqual([dead, inFlight], [0, 0])
      assert.isAbove(returned, 0)
      assert.include(since().join("\n"), `! undelivered bob reason=disconnected count=${returned}: `)
    })
  )

  it.scoped("is not asked for a client whose connection broke before the broker came to it", () =>
    Effect.gen(function* () {
      const { bob, broker, join, open } = yield* start
      const carol = yield* join("carol")
      bob.socket.pause()
      const flooder = yield* join("flooder")
      flooder.say(...Array.from({ length: 300 }, () => `bob: ${"x".repeat(5_000)}`))
      yield* settle
      carol.say("bob: first", "/hello", "/slow", "bob: last")
      yield* settle
      carol.socket.reset()
      yield* pass(250)
      bob.socket.resume()
      for (let turns = 0; turns < 40; turns++) yield* settle
      assert.deepStrictEqual(
        bob.received.filter((line) => line.startsWith("from carol")),
        ["from carol: first", "from carol: last"]
      )
      assert.lengthOf(open, 0)
      yield* join("dora")
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  it.scoped("is given up by a shutdown that has lasted too long, and so are the lines after it", () =>
    Effect.gen(function* () {
      const { alice, answer, broker, reasons, since } = yield* start
      alice.say("@k /slow", "bob: never accepted")
      yield* settle
      yield* broker.drain
      yield* pass(1_000)
      yield* broker.cutOff
      yield* answer(["* pong: too late\n"])
      yield* pass(1_000)
      yield* alice.ended
      const codes = since().map((line) => line.split(/[: ]/u, 2).join(" "))
      assert.deepStrictEqual(codes, ["* closing", "! closing", "! closing", "* bye"])
      assert.match(since()[1] ?? "", /^! closing @k: /u)
      assert.strictEqual(broker.ledger.snapshot().accepted, 0)
      alice.socket.end()
      yield* settle
      assert.include(reasons, "shutdown")
    })
  )
})
