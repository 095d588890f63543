import { assert, describe, it } from "vitest"
import { run } from "./Run.js"
import type { Setting, Step } from "./Step.js"

/** What the server may do, although it is rare: the checks once took each of these runs for a broken promise. */

interface Case {
  readonly title: string
  readonly setting: Partial<Setting>
  readonly steps: ReadonlyArray<Step>
}

const usual: Setting = {
  maxConnections: 8,
  maxConnectionsPerAddress: 0,
  maxLineBytes: 120,
  maxRecipients: 6,
  loginTimeout: 800,
  holdTimeout: 400,
  stallTimeout: 1000,
  grace: 300,
  linger: 500,
  outboxLines: 10_000,
  outboxBytes: 100_000,
  maxOutcomes: 10_000,
  maxMemory: 1e9,
  rate: 0,
  ratePerAddress: 0,
  burstPerAddress: 1000,
  turnBounds: undefined,
  hasProbe: false
}

const cases: ReadonlyArray<Case> = [
  {
    title: "a client that takes nothing, but acknowledges what it has, is closed later",
    setting: { maxConnectionsPerAddress: 3, grace: 2000, maxOutcomes: 50, maxMemory: 80000 },
    steps: [
      { do: "connect", who: 1, host: 1, cut: 65536, polite: false, opaque: true },
      { do: "send", who: 1, bytes: "bob\n" },
      { do: "connect", who: 3, host: 2, cut: 20, polite: true, opaque: false },
      { do: "send", who: 3, bytes: "dee\n" },
      { do: "send", who: 3, bytes: "/hello ack\n" },
      { do: "say", who: 1, to: ["dee"], count: 60, size: 30, labelled: false, dress: 1 },
      { do: "say", who: 3, to: ["bob"], count: 30, size: 80, labelled: true, dress: 5 },
      { do: "turns", count: 3 },
      { do: "acknowledge", who: 3, which: "half" },
      { do: "pace", who: 3, bytes: 0 },
      { do: "drain", patient: true },
      { do: "pass", millis: 100 }
    ]
  },
  {
    title: "a held client whose end was not handled before it was closed as unreachable",
    setting: {
      maxConnections: 4,
      grace: 2000,
      outboxLines: 2,
      outboxBytes: 5000,
      maxOutcomes: 2,
      turnBounds: { work: 20000, share: 2000, flushes: 2 }
    },
    steps: [
      { do: "connect", who: 0, host: 1, cut: 3, polite: true, opaque: true },
      { do: "send", who: 0, bytes: "ann\n" },
      { do: "send", who: 0, bytes: "/hello ack\n" },
      { do: "connect", who: 5, host: 2, cut: 65536, polite: true, opaque: true },
      { do: "send", who: 5, bytes: "zoÃ«\n" },
      { do: "send", who: 5, bytes: "/hello ack\n" },
      { do: "turns", count: 3 },
      { do: "say", who: 0, to: ["zoÃ«"], count: 30, size: 0, labelled: true, dress: 2 },
      { do: "say", who: 5, to: ["ann"], count: 60, size: 5, labelled: false, dress: 5 },
      { do: "end", who: 0 }
    ]
  },
  {
    title: "a name with an invisible character is announced each time that it joins",
    setting: {
      maxConnections: 50,
      stallTimeout: 3000,
      outboxLines: 64,
      outboxBytes: 500,
      maxOutcomes: 50,
      turnBounds: { work: 2000, share: 700, flushes: 1 }
    },
    steps: [
      { do: "connect", who: 1, host: 2, cut: 3, polite: false, opaque: false },
      { do: "send", who: 1, bytes: "/hello\n" },
      { do: "turns", count: 4 },
      { do: "connect", who: 0, host: 1, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 0, bytes: "zoó\u00a0\u0084\u0080Ã«\n" },
      { do: "turns", count: 3 },
      { do: "reset", who: 0, first: "read", gap: 8 },
      { do: "connect", who: 1, host: 2, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 1, bytes: "zoó\u00a0\u0084\u0080Ã«\n" }
    ]
  },
  {
    title: "a client logged in, and the process ended before its connection",
    setting: {
      maxConnections: 4,
      maxConnectionsPerAddress: 3,
      stallTimeout: 3000,
      outboxLines: 100000,
      outboxBytes: 100000000,
      maxOutcomes: 100000,
      rate: 3,
      ratePerAddress: 7,
      burstPerAddress: 3
    },
    steps: [
      { do: "connect", who: 0, host: 2, cut: 20, polite: true, opaque: true },
      { do: "send", who: 0, bytes: "ann\n" },
      { do: "connect", who: 4, host: 2, cut: 65536, polite: true, opaque: true },
      { do: "send", who: 4, bytes: "eve\n" },
      { do: "turns", count: 2 },
      { do: "send", who: 0, bytes: "/ping\n/ping\n" },
      { do: "say", who: 4, to: ["zoÃ«", "cy", "ann", "bob", "dee"], count: 2, size: 0, labelled: true, dress: 5 },
      { do: "say", who: 0, to: ["dee"], count: 18, size: 0, labelled: true, dress: 2 },
      { do: "turns", count: 6 },
      { do: "turns", count: 1 },
      { do: "turns", count: 2 },
      { do: "pass", millis: 334 },
      { do: "connect", who: 3, host: 2, cut: 3, polite: false, opaque: false },
      { do: "send", who: 3, bytes: "dee\n" },
      { do: "send", who: 3, bytes: "/hello\n" },
      { do: "say", who: 3, to: ["cy"], count: 30, size: 80, labelled: false, dress: 1 },
      { do: "turns", count: 6 },
      { do: "close" },
      { do: "pass", millis: 100 },
      { do: "turns", count: 2 },
      { do: "kill" }
    ]
  },
  {
    title: "a client whose address was banned was turned away, and then its address was banned again",
    setting: { maxConnectionsPerAddress: 3, grace: 2000, outboxBytes: 5000, maxOutcomes: 2 },
    steps: [
      { do: "connect", who: 3, host: 0, cut: 65536, polite: true, opaque: false },
      { do: "ban", subject: "address=10.0.0.1", millis: 600 },
      { do: "pass", millis: 99 },
      { do: "connect", who: 2, host: 1, cut: 65536, polite: true, opaque: false },
      { do: "ban", subject: "address=10.0.0.0/31", millis: 2500 }
    ]
  },
  {
    title: "the last line of a disconnected client is cut off by the end of the grace time",
    setting: { stallTimeout: 3000, maxMemory: 80000, hasProbe: true },
    steps: [
      { do: "connect", who: 4, host: 2, cut: 65536, polite: false, opaque: false },
      { do: "send", who: 4, bytes: "eve\n" },
      { do: "drain", patient: true },
      { do: "pace", who: 4, bytes: 1 },
      {
        do: "say",
        who: 4,
        to: ["Ann", "bob", "dee", "eve", "zoeÌ\u0088"],
        count: 5,
        size: 0,
        labelled: true,
        dress: 0
      },
      { do: "turns", count: 2 },
      { do: "ban", subject: "address=10.0.0.2", millis: 2500 }
    ]
  },
  {
    title: "a drain has ended the input, and what the client sends after that is discarded",
    setting: {
      maxConnections: 50,
      maxLineBytes: 65536,
      outboxBytes: 300000,
      maxOutcomes: 2,
      turnBounds: { work: 100000, share: 16384, flushes: 1 }
    },
    steps: [
      { do: "connect", who: 3, host: 0, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 3, bytes: "/hello\n" },
      { do: "pace", who: 3, bytes: 0 },
      { do: "close" },
      { do: "pass", millis: 200 },
      { do: "say", who: 3, to: ["dee", "ann", "ann", "eve", "bob"], count: 5, size: 30000, labelled: true, dress: 2 }
    ]
  },
  {
    title: "a client that quits at the end of the stall timeout may acknowledge for the linger time",
    setting: {},
    steps: [
      { do: "connect", who: 2, host: 0, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 2, bytes: "cy\n" },
      { do: "send", who: 2, bytes: "/hello ack\n" },
      { do: "pass", millis: 1 },
      { do: "say", who: 2, to: ["cy", "Ann"], count: 1, size: 30, labelled: true, dress: 5 },
      { do: "pass", millis: 1000 },
      { do: "send", who: 2, bytes: "@q /quit\n" }
    ]
  },
  {
    title: "the last line of a client whose login was refused is not that of a later ban",
    setting: {},
    steps: [
      { do: "ban", subject: "name=BOB", millis: Infinity },
      { do: "connect", who: 1, host: 0, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 1, bytes: "bob\n" },
      { do: "pace", who: 1, bytes: 7 },
      { do: "turns", count: 3 },
      { do: "ban", subject: "address=10.0.0.0/31", millis: 600 }
    ]
  },
  {
    title: "a /quit that its client's rate refused: its client stays, and is listed",
    setting: {
      maxConnections: 50,
      grace: 2000,
      outboxLines: 100_000,
      outboxBytes: 100_000_000,
      maxOutcomes: 100_000,
      rate: 20,
      ratePerAddress: 20,
      burstPerAddress: 3,
      turnBounds: { work: 20_000, share: 2000, flushes: 2 }
    },
    steps: [
      { do: "connect", who: 0, host: 0, cut: 20, polite: true, opaque: false },
      { do: "send", who: 0, bytes: "ann\n" },
      { do: "connect", who: 2, host: 1, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 2, bytes: "cy\n" },
      { do: "connect", who: 5, host: 0, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 5, bytes: "zo\xc3\xab\n" },
      { do: "say", who: 0, to: ["cy"], count: 2, size: 5, labelled: false, dress: 5 },
      { do: "send", who: 0, bytes: "/quit\n" },
      { do: "pass", millis: 1000 },
      { do: "send", who: 2, bytes: "/who\n" }
    ]
  },
  {
    title: "a /hello just before the drain whose client takes no reply, and whose labelled lines are delivered",
    setting: {
      maxConnections: 50,
      maxConnectionsPerAddress: 3,
      grace: 2000,
      outboxLines: 2,
      outboxBytes: 5000,
      maxOutcomes: 2,
      rate: 20
    },
    steps: [
      { do: "connect", who: 0, host: 1, cut: 65536, polite: true, opaque: false },
      { do: "send", who: 0, bytes: "ann\n" },
      { do: "connect", who: 2, host: 2, cut: 65536, polite: true, opaque: true },
      { do: "send", who: 2, bytes: "cy\n" },
      { do: "send", who: 2, bytes: "/hello\n" },
      { do: "pace", who: 2, bytes: 0 },
      { do: "say", who: 2, to: ["ann"], count: 30, size: 5, labelled: true, dress: 2 },
      { do: "close" }
    ]
  },
  {
    title: "a client whose login a ban refused, and whose address is banned before it has taken the refusal",
    setting: {
      maxConnections: 4,
      maxLineBytes: 65536,
      stallTimeout: 3000,
      grace: 2000,
      outboxBytes: 70_000,
      maxOutcomes: 2,
      maxMemory: 150_000
    },
    steps: [
      { do: "ban", subject: "name=ANN", millis: 2500 },
      { do: "connect", who: 0, host: 2, cut: 1, polite: true, opaque: false },
      { do: "send", who: 0, bytes: "ann\n" },
      { do: "pace", who: 0, bytes: 0 },
      { do: "pass", millis: 101 },
      { do: "ban", subject: "address=10.0.0.2", millis: Infinity }
    ]
  },
  {
    title:
      "a client that was disconnected just before the server was killed was not refused, although its end is not " +
      "logged",
    setting: {
      maxConnections: 50,
      stallTimeout: 3000,
      outboxLines: 2,
      outboxBytes: 500,
      maxOutcomes: 50,
      turnBounds: { work: 2000, share: 700, flushes: 1 }
    },
    steps: [
      { do: "connect", who: 1, host: 0, cut: 65536, polite: false, opaque: false },
      { do: "send", who: 1, bytes: "/hello send-only\n" },
      { do: "send", who: 1, bytes: "bob\n" },
      { do: "say", who: 1, to: ["bob"], count: 2, size: 80, labelled: false, dress: 4 },
      { do: "connect", who: 0, host: 0, cut: 20, polite: true, opaque: false },
      { do: "send", who: 0, bytes: "/hello send-only\n" },
      { do: "send", who: 0, bytes: "bob\n" },
      { do: "end", who: 1 },
      { do: "turns", count: 1 },
      { do: "pace", who: 1, bytes: 0 },
      { do: "drain", patient: true },
      { do: "pass", millis: 100 },
      { do: "say", who: 0, to: ["bob"], count: 30, size: 5, labelled: false, dress: 0 },
      { do: "turns", count: 1 },
      { do: "kick", name: "bob" },
      { do: "turns", count: 2 },
      { do: "kill" }
    ]
  }
]

describe("the checks of the simulation", () => {
  for (const { setting, steps, title } of cases) {
    it(`accept that ${title}`, () => {
      const { violations } = run({ seed: 0, setting: { ...usual, ...setting }, steps })
      assert.deepStrictEqual(violations, [])
    })
  }
})
