import type { ReachabilityProbe } from "../ports/Reachability.js"
import type { Time } from "../ports/Time.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as HelloWord from "../protocol/HelloWord.js"
import type { AbsentReason } from "../protocol/OutcomeReply.js"
import * as Reply from "../protocol/Reply.js"
import type { LogEvent } from "../telemetry/LogEvent.js"
import * as Admission from "./Admission.js"
import { Arrivals } from "./Arrivals.js"
import { Backlog } from "./Backlog.js"
import { Bans } from "./Bans.js"
import { Budget } from "./Budget.js"
import { builtIn, CommandTable } from "./Commands.js"
import { Directory } from "./Directory.js"
import { Drain } from "./Drain.js"
import type { Events } from "./Events.js"
import type { Feature, MakeFeature } from "./Feature.js"
import { HostLimits } from "./HostLimits.js"
import { Inspector } from "./Inspection.js"
import { Ledger } from "./Ledger.js"
import { Lifecycle } from "./Lifecycle.js"
import * as LinesElsewhere from "./LinesElsewhere.js"
import * as LineSettlement from "./LineSettlement.js"
import type { Live } from "./Live.js"
import { Moderation } from "./Moderation.js"
import { Names } from "./Names.js"
import { Notices } from "./Notices.js"
import type { Options } from "./Options.js"
import { Outbox } from "./Outbox.js"
import { PartOfBounds, type Bounds } from "./OutboxLoad.js"
import type { Peer } from "./Peer.js"
import { PeerInput } from "./PeerInput.js"
import { Predecessors } from "./Predecessors.js"
import type { Question } from "./Question.js"
import { Replies } from "./Replies.js"
import { Routing } from "./Routing.js"
import * as Settlement from "./Settlement.js"
import { Turn, turnBounds, work, type TurnBounds } from "./Turn.js"
import { Watch } from "./Watch.js"

/** Features of a broker beyond those of every server. */
export interface Extensions {
  /** Decides who may log in; by default any client, under any free name. */
  readonly admission?: Admission.Admission | undefined
  /** Further recipients, names and commands. Default: none. */
  readonly features?: ReadonlyArray<MakeFeature> | undefined
  /**
   * How much the broker does in one turn. Tests set small bounds. Default: bounds that keep clients from waiting for
   * each other.
   */
  readonly turnBounds?: TurnBounds | undefined
}

interface Surroundings {
  readonly options: Live<Options>
  readonly time: Time
  readonly log: (event: LogEvent) => void
  readonly events: Events
  /** Asks a question in a separate fiber. */
  readonly ask: (peer: Peer, question: Question) => void
  /** Without it, the broker does not notice peers that vanish. */
  readonly reachability?: ReachabilityProbe | undefined
}

/** The parts of a broker, wired together. */
export interface BrokerState extends ReturnType<typeof make> {}

export const make = ({ ask, events, log, options, reachability, time }: Surroundings, extensions: Extensions) => {
  const { now } = time
  const budget = new Budget(options.current.maxMemory)
  const bounds: Bounds = { lines: 0, bytes: 0, outcomes: 0, budget }
  const ledger = new Ledger()
  const turn = new Turn(extensions.turnBounds ?? turnBounds)
  const backlog = new Backlog()
  const hostLimits = new HostLimits(options, now)
  const lookAlike = (name: string) =>
    features.reduce((found, feature) => found ?? feature.lookAlike?.(name), names.lookAlike(name))
  const absence = (name: string) =>
    features.reduce<AbsentReason | undefined>((found, feature) => found ?? feature.absence?.(name), undefined) ??
    "offline"
  const replies = new Replies({ ledger, turn, lookAlike, absence })
  const notices = new Notices({ replies, turn, now, sendLater: () => backlog.add({ _tag: "Notices" }) })

  const outboxes = new Set<Outbox<Peer>>()
  const watch = new Watch({ budget, now, options, outboxes, reachability })
  const settled = Settlement.make({ events, ledger, watch })
  const hasRoom = (outbox: Outbox<Peer>) => backlog.add({ _tag: "Room", outbox })
  const changed = (name: string) => directory.changed(name)
  const features = (extensions.features ?? []).map((makeFeature) =>
    makeFeature({
      outbox: (name, writer, part = 1) => {
        const outbox = new Outbox<Peer>(part === 1 ? bounds : new PartOfBounds(bounds, part), name, writer)
        outboxes.add(outbox)
        return outbox
      },
      discard: (outbox) => {
        outboxes.delete(outbox)
        watch.discard(outbox)
      },
      settled,
      settledEach: (outbox, batch, outcomes) => settledEach(outbox, batch, outcomes),
      stuck: (outbox) => lifecycle.stuck(outbox),
      handedOn: (outbox, batch) => linesElsewhere.handedOn(outbox, batch),
      cameBack: (outbox, lines, outcome) => linesElsewhere.cameBack(outbox, lines, outcome),
      recall: (outbox, outcome) => linesElsewhere.recall(outbox, outcome),
      soon: (run) => events.report({ _tag: "Look", look: run }),
      inTurn: (run) => events.inTurn(run),
      atEnd: (run) => turn.atEnd(run),
      put: (peer, text, lines = 1) => (lines === 1 ? replies.reply(peer, text) : replies.notices(peer, text, lines)),
      give: (peer, text, lines, source, shared) => {
        turn.spend(text.length + work.put)
        turn.touch(peer.outbox)
        peer.outbox.put(text, lines, source, undefined, shared)
      },
      changed,
      divert: (resolver) => directory.divert(resolver),
      present: (name) => names.find(name),
      elsewhere: (name, isThere) => {
        // No presence changes while a client of that name is here: the directory's watch may lag behind.
        const isNew = names.setElsewhere(name, isThere) && names.find(name) === undefined
        if (isNew) notices.notify(isThere ? Reply.joined(name) : Reply.left(name), name)
      },
      breakOff,
      expel: (peer, fatal) => moderation.expel(peer, fatal),
      adopt: (peer, device) => lifecycle.adopt(peer, device),
      alike: (name) => moderation.alike(name),
      devicesOf: (account) => names.devicesOf(account),
      devices: () => names.allDevices,
      time,
      options
    })
  )
  const names = new Names(changed)
  const directory = new Directory(budget, [names, ...features.flatMap(({ resolvers = [] }) => resolvers)])
  const commands = new CommandTable([
    ...builtIn([...HelloWord.basic, ...features.flatMap(({ words = [] }) => words)]),
    ...features.flatMap((feature) => feature.commands ?? [])
  ])

  const bans = new Bans(now)
  const predecessors = new Predecessors()
  const settleLater = (peer: Peer) => backlog.add({ _tag: "Written", peer })
  const lifecycle = new Lifecycle({
    breakOff,
    routeRest: (peer) => input.routeRest(peer),
    hasRoom,
    settleLater,
    ledger,
    log,
    names,
    notices,
    predecessors,
    presence: features,
    replies,
    time,
    watch
  })
  const settledEach = LineSettlement.make({ hasRoom, ledger, lifecycle, replies, turn })
  const linesElsewhere = LinesElsewhere.make({ hasRoom, lifecycle })
  const acknowledge = (peer: Peer, messages: number) => lifecycle.acknowledge(peer, messages)
  const routing = new Routing({ acknowledge, directory, replies, ledger, turn, options, now })
  const defects: Array<unknown> = []
  /** A defect in the server ends the connection where it occurred, not the whole chat. */
  const defective = (peer: Peer, defect: unknown) => {
    breakOff(peer, "internal-error")
    // Nothing would handle the rest of its input, and a drain would wait for it until the grace time ends.
    peer.inbox.clear()
    replies.flushPending(peer)
    defects.push(defect)
  }
  const input = new PeerInput({
    admission: extensions.admission ?? Admission.open,
    ask,
    backlog,
    bans,
    commandContext: {
      names,
      notices,
      commands: commands.commands,
      announced: announced(options, hostLimits, features)
    },
    commands,
    defective,
    hasRoom,
    lifecycle,
    options,
    predecessors,
    replies,
    routing,
    turn,
    watch
  })
  const drain = new Drain({ backlog, breakOff, features, input, ledger, lifecycle, notices, options, outboxes })
  const arrivals = new Arrivals({ bounds, budget, drain, events, hostLimits, lifecycle, options, time })
  const moderation = new Moderation({ bans, breakOff, lifecycle, names, now })
  const inspector = new Inspector({ budget, directory, ledger, lifecycle, outboxes })

  return {
    arrivals,
    backlog,
    bans,
    breakOff,
    budget,
    defective,
    defects,
    directory,
    drain,
    events,
    features,
    hostLimits,
    input,
    inspector,
    ledger,
    lifecycle,
    moderation,
    names,
    notices,
    settled,
    time,
    turn,
    watch
  }
}

/** What `/hello` announces to a client. */
const announced =
  (options: Live<Options>, hostLimits: HostLimits, features: ReadonlyArray<Feature>) =>
  (peer: Peer): Reply.HelloFacts => {
    const { maxRecipients, rate } = options.current
    return {
      name: peer.name === "" ? undefined : peer.name,
      maxLineBytes: peer.inbox.maxLineBytes,
      maxRecipients,
      words: [...peer.words].filter((word) => !peer.isGuest || HelloWord.isForGuests(word)),
      more: Object.assign({}, ...features.map(({ facts }) => facts?.(peer) ?? {})),
      limits: { ...(rate > 0 ? { rate } : {}), ...hostLimits.announced(peer.socket.host) }
    }
  }

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}
