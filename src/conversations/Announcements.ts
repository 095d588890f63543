import type { DevicesElsewhere } from "../accounts/DevicesElsewhere.js"
import type { OtherServersPart, OtherServer, ServerMessage } from "../ports/OtherServers.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import { keyOfParties, partiesOf, type Parties } from "./Parties.js"

interface Collaborators {
  readonly devices: DevicesElsewhere
  /** Runs a function at the end of the turn, once. */
  readonly atEnd: (run: () => void) => void
  /** Another server has stored lines of a conversation, up to this number. */
  readonly announced: (conversation: ConversationId, key: ConversationKey, last: number) => void
}

interface Due {
  readonly key: ConversationKey
  last: number
}

/**
 * Notifies other servers that lines were stored here, which they then read from the log. At the end of a turn, each
 * server gets one message, with the last line of each conversation that concerns its clients.
 */
export class Announcements {
  private readonly due = new Map<OtherServer, Map<ConversationId, Due>>()
  private readonly part: OtherServersPart

  constructor(private readonly broker: Collaborators) {
    this.part = broker.devices.others.part("lines", {
      received: (_server, message) => this.received(message),
      lost: (server) => void this.due.delete(server),
      hasRoom: () => this.sendSoon()
    })
  }

  /** A line of a direct conversation was stored here, for the devices of both parties. */
  stored(conversation: ConversationId, key: ConversationKey, last: number) {
    const { devices } = this.broker
    if (key.kind === "guest") this.announce(devices.serversOf(key.account), conversation, key, last)
    else if (key.kind === "accounts") {
      for (const account of new Set(key.accounts)) this.announce(devices.serversOf(account), conversation, key, last)
    }
  }

  /** Lines up to this one were stored here, and these servers have clients that receive them. */
  announce(servers: Iterable<OtherServer>, conversation: ConversationId, key: ConversationKey, last: number) {
    for (const server of servers) {
      let ofServer = this.due.get(server)
      if (ofServer === undefined) {
        this.sendSoon()
        this.due.set(server, (ofServer = new Map()))
      }
      const due = ofServer.get(conversation)
      if (due === undefined) ofServer.set(conversation, { key, last })
      else due.last = Math.max(due.last, last)
    }
  }

  private sendSoon() {
    this.broker.atEnd(this.send)
  }

  private readonly send = () => {
    const { due } = this
    for (const [server, conversations] of due) {
      // Until the server accepts messages again, each conversation is due once, however many lines are stored.
      if (this.part.mustWait(server)) continue
      due.delete(server)
      const all = Array.from(conversations, ([conversation, { key, last }]) => [conversation, last, ...partiesOf(key)])
      for (let from = 0; from < all.length; from += maxConversations) {
        this.part.send(all.slice(from, from + maxConversations), server)
      }
    }
  }

  private received(message: ServerMessage) {
    if (!Array.isArray(message)) return
    for (const [conversation, last, ...parties] of message as ReadonlyArray<[ConversationId, number, ...Parties]>) {
      this.broker.announced(conversation, keyOfParties(conversation, parties), last)
    }
  }
}

/** Most conversations in one message. */
const maxConversations = 1_000
