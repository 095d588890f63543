import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import type { LinkState } from "../model/ChatState.js"
import type { Page } from "../model/Page.js"

const second = 1_000

/** Counts down to the next attempt. */
const Countdown = ({ until }: { readonly until: number }) => {
  const now = useSignal(Date.now())
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), second)
    return () => clearInterval(timer)
  }, [])
  const left = Math.max(0, Math.ceil((until - now.value) / second))
  // Only the first words are read out, and not every number.
  return <span aria-hidden="true">{left === 0 ? " Trying again now." : ` Trying again in ${left} s.`}</span>
}

const stopped = new Map([
  ["replaced", "You have logged in elsewhere as the same device."],
  ["password", "The password was changed."],
  ["forgotten", "This browser was logged out from another device."],
  ["removed", "The account was removed."],
  ["kicked", "The server's operator has disconnected you."]
])

/** Says that the page is cut off, and what happens next. Nothing while it is not. */
export const LinkStatus = ({ chat, page }: { readonly chat: Chat; readonly page: Page }) => {
  const link = chat.link.value
  return (
    <div class="link" role="status" hidden={link._tag === "Online"}>
      {linkText(link, chat, page)}
    </div>
  )
}

const linkText = (link: LinkState, chat: Chat, page: Page) => {
  switch (link._tag) {
    case "Online":
      return null
    case "Connecting":
      return <span>Connecting…</span>
    case "Away":
      return (
        <>
          <span>
            Cut off from the server{link.why === "" ? "." : `: ${link.why}.`}
            <Countdown until={link.until} />
          </span>
          <button type="button" onClick={() => chat.wake()}>
            Try now
          </button>
        </>
      )
    case "Stopped":
      return (
        <>
          <span>{stopped.get(link.code) ?? `Logged out: ${link.why}.`}</span>
          <button type="button" onClick={() => chat.start()}>
            Connect again
          </button>
          <button type="button" onClick={() => page.logInAgain(chat)}>
            Log in
          </button>
        </>
      )
  }
}
