import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { HostLimits, subscriber } from "../../src/chat/HostLimits.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults, type Options } from "../../src/chat/Options.js"
import { from, pass, startMemoryServer } from "../support/MemoryServer.js"

const limited = (limits: Partial<Options>) => {
  let now = 0
  const live = new LiveSource({ ...defaults, ...limits })
  const hosts = new HostLimits(live, () => now)
  return {
    hosts,
    configure: (changes: Partial<Options>) => live.set(changes),
    /** Lets time pass, and returns the time. */
    pass: (millis: number) => (now += millis)
  }
}

describe("a subscriber", () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:0001:2::9", "2001:db8:1:2"],
    ["2001:db8::9", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::", "1:0:0:0"]
  ]
  for (const [host, expected] of table) {
    it(`of ${host} is ${expected}`, () => assert.strictEqual(subscriber(host), expected))
  }
})

describe("the limits of an address", () => {
  it("admit connections up to the limit, and one more after each that leaves", () => {
    const { hosts } = limited({ maxConnectionsPerAddress: 2 })
    assert.deepStrictEqual(
      [1, 2, 3].map(() => hosts.enter("192.0.2.1")),
      [0, 0, 5_000]
    )
    assert.strictEqual(hosts.enter("192.0.2.2"), 0)
    hosts.leave("192.0.2.1")
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
  })

  it("admit a burst of new connections, then the rate a minute, and report when the next one may come", () => {
    const { hosts, pass } = limited({ connectsPerAddress: 3 })
    for (const _ of [1, 2, 3]) {
      assert.strictEqual(hosts.enter("192.0.2.1"), 0)
      hosts.leave("192.0.2.1")
    }
    assert.strictEqual(hosts.enter("192.0.2.1"), 20_000)
    pass(19_999)
    assert.strictEqual(hosts.enter("192.0.2.1"), 1)
    pass(1)
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
  })

  it("hold for a whole IPv6 network, and for an IPv4 address in either form", () => {
    const { hosts } = limited({ maxConnectionsPerAddress: 1 })
    assert.strictEqual(hosts.enter("2001:db8::1"), 0)
    assert.isAbove(hosts.enter("2001:db8::2"), 0)
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
    assert.isAbove(hosts.enter("::ffff:192.0.2.1"), 0)
  })

  it("do not apply to this machine and Unix sockets, unless loopback is limited", () => {
    const { hosts } = limited({ maxConnectionsPerAddress: 1 })
    for (const host of ["127.0.0.1", "127.0.0.1", "::1", "::1", "", ""]) assert.strictEqual(hosts.enter(host), 0)
    const strict = limited({ maxConnectionsPerAddress: 1, limitLoopback: true }).hosts
    assert.deepStrictEqual(
      ["127.0.0.1", "127.0.0.1", "", ""].map((host) => strict.enter(host)),
      [0, 5_000, 0, 0]
    )
  })

  it("count connections from before they were set", () => {
    const { hosts, configure } = limited({})
    const answers = () => ["192.0.2.1", "127.0.0.1"].map((host) => hosts.enter(host))
    for (const _ of [1, 2, 3]) assert.deepStrictEqual(answers(), [0, 0])
    configure({ maxConnectionsPerAddress: 2 })
    assert.deepStrictEqual(answers(), [5_000, 0])
    hosts.leave("192.0.2.1")
    assert.deepStrictEqual(answers(), [5_000, 0])
    hosts.leave("192.0.2.1")
    assert.deepStrictEqual(answers(), [0, 0])
    configure({ limitLoopback: true })
    assert.deepStrictEqual(answers(), [5_000, 5_000])
  })

  it("count connections that left while they were off", () => {
    const { hosts, configure } = limited({ maxConnectionsPerAddress: 1 })
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
    configure({ maxConnectionsPerAddress: 0 })
    hosts.leave("192.0.2.1")
    configure({ maxConnectionsPerAddress: 1 })
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
    assert.strictEqual(hosts.enter("192.0.2.1"), 5_000)
  })

  it("stay used when limits change", () => {
    const { hosts, configure, pass } = limited({ connectsPerAddress: 4, ratePerAddress: 2, burstPerAddress: 4 })
    const lines = () => hosts.linesOf("192.0.2.1")?.take(pass(0))
    const connect = () => hosts.enter("192.0.2.1")
    for (const _ of [1, 2, 3, 4]) assert.deepStrictEqual([connect(), lines()], [0, 0])
    configure({ maxRecipients: 5 })
    assert.deepStrictEqual([connect(), lines()], [15_000, 500], "another limit has changed")
    configure({ connectsPerAddress: 60, ratePerAddress: 10, burstPerAddress: 100 })
    assert.deepStrictEqual([connect(), lines()], [1_000, 100], "the allowances are used up, and refill faster")
    assert.strictEqual(hosts.enter("192.0.2.2"), 0)
    pass(1_000)
    assert.strictEqual(connect(), 0)
  })

  it("stay half used when their burst changes, in either direction", () => {
    const { hosts, configure, pass } = limited({ ratePerAddress: 1, burstPerAddress: 100 })
    const passing = () => {
      let passed = 0
      while (hosts.linesOf("192.0.2.1")?.take(pass(0)) === 0) passed += 1
      return passed
    }
    for (let line = 0; line < 50; line++) assert.strictEqual(hosts.linesOf("192.0.2.1")?.take(pass(0)), 0)
    configure({ burstPerAddress: 10 })
    configure({ burstPerAddress: 1_000 })
    configure({ burstPerAddress: 40 })
    assert.strictEqual(passing(), 20)
  })

  it("remember a bounded number of subscribers that have left", () => {
    const { hosts } = limited({ connectsPerAddress: 1, ratePerAddress: 1, burstPerAddress: 1_000_000 })
    assert.strictEqual(hosts.enter("192.0.2.1"), 0)
    for (let number = 0; number < 150_000; number++) {
      const host = `2001:db8:${(number >> 16).toString(16)}:${(number & 0xffff).toString(16)}::1`
      hosts.enter(host)
      hosts.linesOf(host)?.take(0)
      hosts.leave(host)
    }
    assert.isAtMost(hosts.size, 75_001)
    hosts.leave("192.0.2.1")
    assert.strictEqual(hosts.enter("192.0.2.1"), 60_000, "a subscriber with a connection is never evicted")
  })

  it("are forgotten once the allowance is full again", () => {
    const { hosts, pass } = limited({ connectsPerAddress: 60 })
    for (let number = 0; number < 100_000; number++) {
      const host = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
      hosts.enter(host)
      hosts.leave(host)
      pass(1)
    }
    assert.isBelow(hosts.size, 20_001)
  })
})

describe("the rate of an address", () => {
  it.scoped("is shared by all its connections, and does not affect others", () =>
    Effect.gen(function* () {
      const wrap = from("192.0.2.1", "192.0.2.1", "192.0.2.9")
      // Logins and pings count as well.
      const { join } = yield* startMemoryServer({ wrap, ratePerAddress: 10, burstPerAddress: 6 })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      const other = yield* join("other")
      alice.say("other: 1")
      assert.strictEqual(yield* other.next, "* pong: 1")
      assert.strictEqual(yield* other.next, "from alice: 1")
      alice.say("other: 2", "other: 3")
      bob.say("other: 4")
      const [first, second] = [yield* alice.next, yield* alice.next]
      assert.deepStrictEqual([first, yield* other.next], ["* pong: 1", "from alice: 2"])
      assert.match(second, /^! slow-down retry=100: /u)
      assert.strictEqual(yield* bob.next, "* pong: 1")
      assert.match(yield* bob.next, /^! slow-down retry=100: /u)
      for (let line = 0; line < 4; line++) other.say("other: I may")
      for (let line = 0; line < 4; line++) assert.strictEqual(yield* other.next, "from other: I may")
      yield* pass(100)
      bob.say("other: 5")
      assert.strictEqual(yield* other.next, "from bob: 5")
    })
  )

  it.scoped("is announced by hello to clients that it applies to, with the other limits that are set", () =>
    Effect.gen(function* () {
      const limits = { maxConnectionsPerAddress: 9, connectsPerAddress: 8, ratePerAddress: 70, burstPerAddress: 60 }
      const { connect } = yield* startMemoryServer({ ...limits, wrap: from("192.0.2.1", "127.0.0.1"), rate: 50 })
      const [stranger, neighbour] = [yield* connect, yield* connect]
      stranger.say("/hello")
      neighbour.say("/hello")
      const told = "rate=50 address-connections=9 address-connects=8 address-rate=70 address-burst=60"
      assert.include(yield* stranger.next, ` max-name=32 ${told}: `)
      assert.include(yield* neighbour.next, " max-name=32 rate=50: ")
    })
  )
})

describe("new connections of an address", () => {
  it.scoped("above the limit are refused with the time to wait, and others are admitted", () =>
    Effect.gen(function* () {
      const hosts = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"]
      const { connect, join } = yield* startMemoryServer({ connectsPerAddress: 1, wrap: from(...hosts) })
      yield* join("alice")
      const second = yield* connect
      assert.match(yield* second.next, /^! full retry=60000 fatal: /u)
      yield* second.ended
      yield* join("bob")
      yield* pass(60_000)
      yield* join("carol")
    })
  )
})
