import type { CloseReason } from "../protocol/CloseReason.js"
import type { Socket } from "../ports/Transport.js"
import * as Admission from "./Admission.js"
import { Budget } from "./Budget.js"
import { builtIn, CommandTable, type Command, type CommandContext } from "./Commands.js"
import { Directory, type Resolver } from "./Directory.js"
import { Drain } from "./Drain.js"
import type { Events } from "./Events.js"
import { HostLimits } from "./HostLimits.js"
import { Ledger } from "./Ledger.js"
import { Lifecycle } from "./Lifecycle.js"
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

/** What a broker can do besides what every server does. */
export interface Extensions {
  /** Who may log in; by default everybody, under any free name. */
  readonly admission?: Admission.Admission | undefined
  readonly commands?: ReadonlyArray<Command> | undefined
  /** What else than clients lines can be addressed to. Asked in this order, after the names of clients. */
  readonly resolvers?: ReadonlyArray<Resolver> | undefined
}

interface Surroundings {
  readonly options: Live<Options>
  readonly now: () => number
  readonly events: Events
  /** Asks a question in a fiber of its own. */
  readonly ask: (peer: Peer, question: Question) => void
}

/** The parts of a broker, each of which gets those that it needs. */
export interface BrokerState extends ReturnType<typeof make> {}

export const make = ({ ask, events, now, options }: Surroundings, extensions: Extensions) => {
  const { admission = Admission.open, commands: moreCommands = [], resolvers = [] } = extensions
  const budget = new Budget(options.current.maxMemory)
  const bounds: Bounds = { lines: 0, bytes: 0, outcomes: 0, budget }
  const ledger = new Ledger()
  const turn = new Turn()
  const watch = new Watch(options, budget)
  const hostLimits = new HostLimits(options, now)
  const replies = new Replies({ ledger, turn })
  const notices = new Notices({ replies, now })
  const names = new Names((name) => directory.changed(name))
  const directory: Directory = new Directory(budget, [names, ...resolvers])
  const routing = new Routing({ directory, replies, ledger, turn, options, now })
  const commands = new CommandTable([...builtIn, ...moreCommands])
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
  /** A defect of ours ends the connection that it showed up at, not the chat. */
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
    const peer = new Peer(socket, new Outbox(bounds), now(), { maxLineBytes, budget })
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
    hostLimits,
    ledger,
    lifecycle,
    names,
    notices,
    open,
    turn,
    watch
  }
}

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}
