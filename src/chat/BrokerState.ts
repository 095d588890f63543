import type { Time } from "../ports/Time.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Socket } from "../ports/Transport.js"
import type { Delivered } from "../protocol/Fate.js"
import * as Metrics from "../telemetry/Metrics.js"
import * as Admission from "./Admission.js"
import type { Batch } from "./Batch.js"
import { Budget } from "./Budget.js"
import { builtIn, CommandTable, type CommandContext } from "./Commands.js"
import { Directory } from "./Directory.js"
import { Drain } from "./Drain.js"
import type { Events } from "./Events.js"
import type { FeatureContext, MakeFeature } from "./Feature.js"
import { HostLimits } from "./HostLimits.js"
import { Inspector } from "./Inspection.js"
import { Ledger } from "./Ledger.js"
import { Lifecycle, settle } from "./Lifecycle.js"
import type { Live } from "./Live.js"
import { Names } from "./Names.js"
import { Notices } from "./Notices.js"
import type { Options } from "./Options.js"
import { Outbox, type Bounds } from "./Outbox.js"
import { Peer } from "./Peer.js"
import type { Question } from "./Question.js"
import { Replies } from "./Replies.js"
import { Routing } from "./Routing.js"
import { TokenBucket } from "./TokenBucket.js"
import { Turn } from "./Turn.js"
import { Watch } from "./Watch.js"

/** Features of a broker beyond those of every server. */
export interface Extensions {
  /** Decides who may log in; by default any client, under any free name. */
  readonly admission?: Admission.Admission | undefined
  readonly features?: ReadonlyArray<MakeFeature> | undefined
}

interface Surroundings {
  readonly options: Live<Options>
  readonly time: Time
  readonly events: Events
  /** Asks a question in a separate fiber. */
  readonly ask: (peer: Peer, question: Question) => void
}

/** The parts of a broker, wired together. */
export interface BrokerState extends ReturnType<typeof make> {}

export const make = ({ ask, events, options, time }: Surroundings, extensions: Extensions) => {
  const { now } = time
  const { admission = Admission.open } = extensions
  const budget = new Budget(options.current.maxMemory)
  const bounds: Bounds = { lines: 0, bytes: 0, outcomes: 0, budget }
  const ledger = new Ledger()
  const turn = new Turn()
  const watch = new Watch(options, budget, now)
  const hostLimits = new HostLimits(options, now)
  const replies = new Replies({ ledger, turn })
  const notices = new Notices({ replies, now })
  const reportSettled = (peer: Peer) => events.report({ _tag: "Settled", peer })
  const settled = (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => {
    // Counting can be done here and now. An outcome is a line for the sender, and only the broker puts lines.
    if (batch.labels === undefined) settle(ledger, outbox, batch, fate, reportSettled)
    else events.report({ _tag: "Labelled", outbox, batch, fate })
    Metrics.delivery.record((performance.now() - batch.since) / 1000, batch.lines)
    ledger.publish()
    if (outbox.taken(batch)) events.report({ _tag: "Room", outbox })
  }

  const changed = (name: string) => directory.changed(name)
  const context: FeatureContext = {
    outbox: (name) => new Outbox(bounds, name),
    settled,
    inTurn: (run) => events.inTurn(run),
    put: (peer, line) => replies.reply(peer, line),
    changed
  }
  const features = (extensions.features ?? []).map((make) => make(context))
  const names = new Names(changed)
  const directory = new Directory(budget, [names, ...features.flatMap(({ resolvers = [] }) => resolvers)])
  const routing = new Routing({ directory, replies, ledger, turn, options, now })
  const commands = new CommandTable([...builtIn, ...features.flatMap(({ commands = [] }) => commands)])
  const commandContext: CommandContext = {
    names,
    notices,
    commands: commands.commands,
    announced: (peer) => {
      const { maxRecipients, rate } = options.current
      return {
        name: peer.name === "" ? undefined : peer.name,
        maxLineBytes: peer.inbox.maxLineBytes,
        maxRecipients,
        limits: { ...(rate > 0 ? { rate } : {}), ...hostLimits.announced(peer.socket.host) }
      }
    }
  }

  const defects: Array<unknown> = []
  /** A defect in the server ends the connection where it occurred, not the whole chat. */
  const defective = (peer: Peer, defect: unknown) => {
    breakOff(peer, "internal-error")
    defects.push(defect)
  }
  const lifecycle = new Lifecycle({
    admission,
    ask,
    commandContext,
    commands,
    defective,
    directory,
    ledger,
    names,
    notices,
    options,
    replies,
    routing,
    watch
  })
  const drain = new Drain({ breakOff, ledger, lifecycle, notices, options })

  const limit = (peer: Peer) => {
    const { rate } = options.current
    peer.rate = rate > 0 ? new TokenBucket(rate, rate, now()) : undefined
    peer.hostRate = hostLimits.linesOf(peer.socket.host)
  }
  const configure = ({ maxMemory, maxOutcomes, outboxBytes, outboxLines }: Options) => {
    bounds.lines = outboxLines
    bounds.bytes = outboxBytes
    bounds.outcomes = maxOutcomes
    budget.limit = maxMemory
    for (const peer of lifecycle.peers) limit(peer)
  }
  configure(options.current)
  options.onChange(configure)

  const open = (socket: Socket): Peer => {
    const { maxLineBytes } = options.current
    const peer = new Peer(socket, new Outbox(bounds), { maxLineBytes, budget, time })
    limit(peer)
    lifecycle.open(peer)
    if (drain.isDraining) {
      peer.inbox.close()
      events.report({ _tag: "Read", peer })
    }
    return peer
  }

  return {
    breakOff,
    budget,
    defective,
    defects,
    directory,
    drain,
    events,
    features,
    hostLimits,
    inspector: new Inspector({ peers: lifecycle.peers, ledger, budget }),
    ledger,
    lifecycle,
    names,
    notices,
    open,
    settled,
    time,
    turn,
    watch
  }
}

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}
