import { seededRandom } from "../../../scripts/random.mjs"
import type { Table } from "../../../src/ports/Cluster.js"

/** How the network and the engine behave. */
export interface Weather {
  /** Of a frame: the probability that it is lost, that it comes twice, and that it is late. */
  readonly lost: number
  readonly twice: number
  readonly late: number
  /** How late a frame or a request is at most, in milliseconds. */
  readonly latest: number
  /** Of a request: the probability that it is not carried out in time, and that its answer is lost. */
  readonly lateRequest: number
  /** Of an answer: the probability that it comes late, maybe after it was waited for. */
  readonly lateAnswer: number
  readonly lostAnswer: number
  /** The delay of what a watcher learns, at most. */
  readonly watch: number
}

/** From this number on, a node is a second process of the node with the number without it. */
export const secondProcess = 4

/** What happens. Nodes and names are given by number. */
export type NodesAct =
  | { readonly do: "pass"; readonly millis: number }
  | { readonly do: "send"; readonly from: number; readonly to: number; readonly count: number; readonly bytes: number }
  | { readonly do: "claim"; readonly node: number; readonly name: number; readonly isLook: boolean }
  | { readonly do: "release"; readonly node: number; readonly name: number }
  | { readonly do: "find"; readonly node: number; readonly name: number }
  | { readonly do: "crash" | "leave" | "start"; readonly node: number }
  | { readonly do: "stop" | "sleep" | "disconnect" | "stall"; readonly node: number; readonly millis: number }
  | { readonly do: "cut"; readonly from: number; readonly to: number; readonly both: boolean; readonly millis: number }
  | { readonly do: "engine"; readonly millis: number; readonly forgets: boolean }
  | { readonly do: "goBack"; readonly table: Table; readonly changes: number }
  | { readonly do: "wall"; readonly node: number; readonly millis: number }
  | { readonly do: "weather"; readonly weather: Weather }

export interface NodesSchedule {
  readonly seed: number
  readonly setting: {
    readonly nodes: number
    readonly windowBytes: number
    /** Of each node, in milliseconds: `term` at most. That of all by default. */
    readonly terms?: ReadonlyArray<number>
  }
  readonly acts: ReadonlyArray<NodesAct>
}

/** The term in milliseconds. */
export const term = 1_200

export const calm: Weather = {
  lost: 0,
  twice: 0,
  late: 0,
  latest: 0,
  lateRequest: 0,
  lateAnswer: 0,
  lostAnswer: 0,
  watch: 0
}

export const names = 2

const kinds = [
  "send",
  "claim",
  "release",
  "find",
  "crash",
  "leave",
  "start",
  "stop",
  "sleep",
  "disconnect",
  "cut",
  "engine",
  "stall",
  "goBack",
  "wall",
  "weather"
] as const

type Kind = (typeof kinds)[number]

/** More of what makes the rest matter. */
const usual: ReadonlyArray<Kind> = ["send", "send", "claim", "claim", "claim", "disconnect"]

/** Short, about the suspension, about the burial, and long. */
const spans = [50, 300, 700, 900, 1_100, 1_300, 1_700, 2_600, 6_000]

export const make = (seed: number): NodesSchedule => {
  const random = seededRandom(seed)
  const nodes = random.pick([2, 2, 3, 3, 4])
  const hasSecond = random.chance(0.3)
  const node = () => random.below(nodes) + (hasSecond && random.chance(0.3) ? secondProcess : 0)
  const name = () => random.below(names)
  const span = () => random.pick(spans) + random.below(100)
  // Each schedule has some kinds, so that these meet often.
  const starts: ReadonlyArray<Kind> = hasSecond ? ["start", "start", "start"] : ["start"]
  const some = [...usual, ...starts, ...Array.from({ length: random.between(2, 7) }, () => random.pick(kinds))]

  const act = (): NodesAct => {
    const kind = random.pick(some)
    switch (kind) {
      case "send":
        return { do: kind, from: node(), to: node(), count: random.pick([1, 1, 5, 30]), bytes: random.below(50) }
      case "claim":
        return { do: kind, node: node(), name: name(), isLook: random.chance(0.2) }
      case "release":
      case "find":
        return { do: kind, node: node(), name: name() }
      case "crash":
      case "leave":
      case "start":
        return { do: kind, node: node() }
      case "stop":
      case "sleep":
      case "disconnect":
      case "stall":
        return { do: kind, node: node(), millis: span() }
      case "cut":
        return { do: kind, from: node(), to: node(), both: random.chance(0.5), millis: span() }
      case "engine":
        return { do: kind, millis: span(), forgets: random.chance(0.15) }
      case "goBack":
        return { do: kind, table: random.pick(["names", "names", "nodes"]), changes: random.pick([1, 1, 2, 3, 5, 10]) }
      case "wall":
        return { do: kind, node: node(), millis: random.pick([-5_000, -300, 100, 500, 5_000]) }
      case "weather":
        return { do: kind, weather: weather() }
    }
  }

  const weather = (): Weather => ({
    lost: random.pick([0, 0.1, 0.5]),
    twice: random.pick([0, 0.3]),
    late: random.pick([0, 0.1, 0.5]),
    latest: random.pick([30, 400, 3_000, 9_000]),
    lateRequest: random.pick([0, 0.1, 0.5]),
    lateAnswer: random.pick([0, 0.3]),
    lostAnswer: random.pick([0, 0.1, 0.5]),
    watch: random.pick([0, 20, 500])
  })

  /** What no watch has reported is forgotten: if nobody claims the name again, no watch ever reports it. */
  const forgottenUntold = (claim: NodesAct, release: NodesAct): ReadonlyArray<NodesAct> => {
    const slowWatches: NodesAct = { do: "weather", weather: { ...calm, watch: 500 } }
    const soon: NodesAct = { do: "pass", millis: random.pick([10, 20, 50]) }
    const back: NodesAct = { do: "goBack", table: "names", changes: 1 }
    return random.chance(0.5)
      ? [slowWatches, claim, soon, back]
      : [claim, { do: "pass", millis: random.pick([300, 800]) }, slowWatches, release, soon, back]
  }

  /**
   * What the engine forgets matters most if it is about a name that others claim, soon before and after, and above all
   * if the other one has not been told of the first claim.
   */
  const forgotten = (): ReadonlyArray<NodesAct> => {
    const about = name()
    const other = node()
    const claim = (by = node(), of = about): NodesAct => ({
      do: "claim",
      node: by,
      name: of,
      isLook: random.chance(0.2)
    })
    const soon = (): NodesAct => ({ do: "pass", millis: random.pick([1, 5, 20, 100, 300]) })
    const back: NodesAct = { do: "goBack", table: "names", changes: random.pick([1, 1, 2, 3]) }
    if (random.chance(0.3)) return forgottenUntold(claim(other), { do: "release", node: other, name: about })
    const stalled: ReadonlyArray<NodesAct> = random.chance(0.5) ? [{ do: "stall", node: other, millis: span() }] : []
    return [...stalled, claim(), soon(), back, claim(node(), name()), soon(), claim(other), soon()]
  }

  /**
   * The lease of a node that has had an earlier one is forgotten, maybe as far back as that: while the node is cut off,
   * or just before it ends.
   */
  const forgottenLease = (): ReadonlyArray<NodesAct> => {
    const about = random.below(nodes)
    const soon = (): NodesAct => ({ do: "pass", millis: random.pick([20, 100, 300]) })
    const back: NodesAct = { do: "goBack", table: "nodes", changes: random.pick([1, 2, 3, 5, 8]) }
    const again: ReadonlyArray<NodesAct> = [
      { do: random.pick(["crash", "leave"]), node: about },
      { do: "pass", millis: random.pick([100, 2_000]) },
      { do: "start", node: about },
      soon()
    ]
    const cut: ReadonlyArray<NodesAct> = [
      { do: "disconnect", node: about, millis: span() },
      { do: "pass", millis: random.pick([300, 850, 1_300]) },
      back,
      soon()
    ]
    return random.chance(0.5) ? [...again, back, { do: "crash", node: about }] : [...again, ...cut]
  }

  const acts: Array<NodesAct> = []
  const count = random.between(10, 60)
  while (acts.length < count) {
    const next = act()
    if (next.do === "goBack" && random.chance(0.5))
      acts.push(...(next.table === "names" ? forgotten() : forgottenLease()))
    else acts.push(next)
    if (random.chance(0.7)) acts.push({ do: "pass", millis: random.pick([0, 1, 10, 60, 100, 300, 800, 1_500]) })
  }
  const windowBytes = random.pick([300, 2_000, 1_000_000])
  const hasTerms = random.chance(0.25)
  const terms = Array.from({ length: nodes }, () => (hasTerms ? random.pick([term, term / 2, term / 3]) : term))
  // What comes last is not put right by what happens next.
  if (random.chance(0.1)) {
    const last = { node: random.below(nodes), name: name() }
    acts.push(...forgottenUntold({ do: "claim", isLook: false, ...last }, { do: "release", ...last }))
  }
  return { seed, setting: { nodes, windowBytes, terms }, acts }
}
