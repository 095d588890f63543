import type * as Effect from "effect/Effect"
import * as DidYouMean from "../protocol/DidYouMean.js"
import * as HelloWord from "../protocol/HelloWord.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import * as LineForm from "./LineForm.js"
import type { Names } from "./Names.js"
import type { Notices } from "./Notices.js"
import type { Peer } from "./Peer.js"

/** A command sent by a client. */
export interface Call {
  readonly peer: Peer
  /** The text after the command's name, trimmed, in wire form. */
  readonly argument: string
  readonly label: string | undefined
}

/** The reply to a command: lines, each with its LF; or `leave`, which ends the client's input. */
export type Answer = ReadonlyArray<string> | "leave"

/** What commands may use of the server. */
export interface CommandContext {
  readonly names: Names
  readonly notices: Notices
  /** What `/hello` announces to this client. */
  readonly announced: (peer: Peer) => Reply.HelloFacts
  readonly commands: ReadonlyArray<Command>
}

/** A row of the command table. `/help`, the reply to an unknown command and the documentation follow from these. */
export interface Command {
  readonly name: string
  /** The command line as a client writes it. */
  readonly usage: string
  /** What it does: a clause without a subject. */
  readonly about: string
  /** Forms of the command that have lines of their own in `/help`. */
  readonly forms?: ReadonlyArray<Pick<Command, "usage" | "about">>
  /** Whether the command is refused before the login. */
  readonly needsLogin?: true
  /**
   * Runs in the broker's turn, possibly before the login. An answer that takes longer is an effect: this client, and no
   * other, is held until it succeeds (`Question`).
   */
  readonly run: (call: Call, context: CommandContext) => Answer | Effect.Effect<Answer>
}

/** The commands of a server that knows these words of `/hello` (protocol, section 6). */
export const builtIn = (words: ReadonlyArray<HelloWord.HelloWord> = HelloWord.basic): ReadonlyArray<Command> => [
  {
    name: "who",
    usage: "/who",
    about: "lists the names of all clients that are logged in",
    run: ({ label }, { names }) => names.who(label)
  },
  {
    name: "ping",
    usage: "/ping [text]",
    about: "replies once all your earlier lines have been handled",
    run: ({ argument, label }) => [Reply.pong(argument, label)]
  },
  {
    name: "hello",
    usage: "/hello [words]",
    about: "shows the server's limits, and turns labels and notices on",
    forms: words.map((word) => ({ usage: `/hello ${word}`, about: HelloWord.aboutOf(word) })),
    run: ({ argument, label, peer }, { announced, names, notices }) => {
      peer.hasGreeted = true
      peer.words = HelloWord.add(peer.words, argument, peer.name !== "", words)
      names.setForm(peer, LineForm.of(peer.words))
      if (peer.words.has("ack")) peer.outbox.expectAcknowledgements(peer)
      notices.subscribe(peer)
      return [Reply.hello(announced(peer), label)]
    }
  },
  {
    name: "ack",
    usage: "/ack N",
    about: "acknowledges the first N messages since your /hello ack",
    // `Routing` has handled it if it is valid.
    run: ({ label, peer }) => [
      peer.words.has("ack") ? Reply.badAcknowledgement(label) : Reply.unexpectedAcknowledgement(label)
    ]
  },
  {
    name: "help",
    usage: "/help",
    about: "shows this list",
    run: ({ label }, { commands }) =>
      Reply.help([message, ...commands.flatMap((command) => [command, ...(command.forms ?? [])])], label)
  },
  { name: "quit", usage: "/quit", about: "leaves after everything queued for you has been sent", run: () => "leave" }
]

/** Not a command, but listed first by `/help`. */
const message = { usage: "name, name: text", about: "sends text to each of these names" }

/** Finds commands by their names. */
export class CommandTable {
  private readonly byName: ReadonlyMap<string, Command>
  private lastUnknown: { readonly name: string; readonly refusal: Reply.Refusal } | undefined = undefined

  constructor(readonly commands: ReadonlyArray<Command>) {
    this.byName = new Map(commands.map((command) => [command.name, command]))
    if (this.byName.size < commands.length) throw new Error("two commands have the same name")
  }

  find(name: string): Command | undefined {
    return this.byName.get(name)
  }

  /** The refusal of an unknown command; the same value if the name is the same as before. */
  unknown(name: string): Reply.Refusal {
    if (name !== this.lastUnknown?.name) {
      const near = DidYouMean.nearest(name, [...this.byName.keys()])
      this.lastUnknown = { name: Wire.copy(name), refusal: Reply.unknownCommand(Wire.copy(name), near) }
    }
    return this.lastUnknown.refusal
  }
}
