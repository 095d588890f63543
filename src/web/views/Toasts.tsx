import type { ComponentChildren } from "preact"
import type { Chat } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import * as Sentence from "../model/Sentence.js"
import { Icon } from "./Icons.js"

const Toast = ({ children, close }: { readonly children: ComponentChildren; readonly close: () => void }) => (
  <div class="toast" role="alert">
    {children}
    <button type="button" class="plain" aria-label="Close" onClick={close}>
      <Icon name="close" />
    </button>
  </div>
)

/**
 * What concerns no conversation in sight. It lies below the header, where it covers neither the last lines nor the
 * composer.
 */
export const Toasts = ({ chat }: { readonly chat: Chat }) => {
  const { invitation, trouble } = chat
  const accept = (room: string) => {
    invitation.value = undefined
    chat.join(room).catch((error: unknown) => (trouble.value = Sentence.of(reasonOf(error))))
  }
  const invited = invitation.value
  return (
    <div class="toasts">
      {trouble.value !== undefined && (
        <Toast close={() => (trouble.value = undefined)}>
          <span dir="auto">{trouble.value}</span>
        </Toast>
      )}
      {invited !== undefined && (
        <Toast close={() => (invitation.value = undefined)}>
          <span>
            <bdi>{invited.by}</bdi> invites you to <bdi>{invited.room}</bdi>.
          </span>
          <button type="button" class="primary" onClick={() => accept(invited.room)}>
            Join
          </button>
        </Toast>
      )}
    </div>
  )
}
