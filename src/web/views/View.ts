import { signal } from "@preact/signals"
import type { Chat } from "../model/Chat.js"
import type { Conversation } from "../model/Conversation.js"

/** What is open besides the conversation. */
export type Panel = "details" | "search"

export type DialogName = "switch" | "you" | "help"

/** The state of the window, which ends with it. */
export class View {
  readonly panel = signal<Panel | undefined>(undefined)
  readonly dialog = signal<DialogName | undefined>(undefined)
  /** What is searched for. */
  readonly query = signal("")
  /** The line that was found and is shown: its number. */
  readonly target = signal<number | undefined>(undefined)
  /** Whether the last lines of the conversation are in sight. */
  readonly isAtEnd = signal(true)
  /** Whether the user looks at the page. */
  readonly isLooking = signal(true)

  /** Closes everything: the next user must not see what this one has searched for. */
  reset(): void {
    this.panel.value = undefined
    this.dialog.value = undefined
    this.query.value = ""
    this.target.value = undefined
  }

  toggle(panel: Panel): void {
    this.panel.value = this.panel.value === panel ? undefined : panel
  }

  /** Puts the cursor where the user writes. */
  focusComposer(): void {
    document.querySelector<HTMLTextAreaElement>("#composer")?.focus()
  }
}

/** What shows one conversation. */
export interface ConversationProps {
  readonly chat: Chat
  readonly conversation: Conversation
  readonly view: View
}
