import { useSignal } from "@preact/signals"
import * as Notifier from "../browser/Notifier.js"
import type { Chat } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import type { Page } from "../model/Page.js"
import { Dialog } from "./Dialog.js"
import { Avatar, NameText } from "./Names.js"
import type { View } from "./View.js"

interface Props {
  readonly page: Page
  readonly chat: Chat
  readonly view: View
}

const about: Readonly<Record<Notifier.Permission, string>> = {
  on: "You are notified of direct messages, and where you are mentioned.",
  off: "This browser does not notify you.",
  denied: "The browser does not allow notifications of this site. Its settings change that.",
  unsupported: "This browser has no notifications."
}

const Notifications = () => {
  const state = useSignal(Notifier.permission())
  return (
    <section>
      <h3>Notifications</h3>
      <p class="quiet">{about[state.value]}</p>
      {state.value === "off" && (
        <button type="button" onClick={() => void Notifier.turnOn().then((now) => (state.value = now))}>
          Notify me
        </button>
      )}
      {state.value === "on" && (
        <button type="button" onClick={() => (state.value = Notifier.turnOff())}>
          Do not notify me
        </button>
      )}
    </section>
  )
}

const Register = ({ chat, page }: Pick<Props, "chat" | "page">) => {
  const password = useSignal("")
  const why = useSignal<string | undefined>(undefined)
  const isBusy = useSignal(false)
  const submit = async () => {
    isBusy.value = true
    try {
      await page.register(chat, password.peek())
    } catch (error) {
      why.value = reasonOf(error)
    }
    isBusy.value = false
  }
  return (
    <section>
      <h3>Keep this name</h3>
      <p class="quiet">
        With an account, the name is yours, messages wait for you, and you see the same on all your devices.
      </p>
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <label>
          <span>Password, 8 characters or more</span>
          <input
            type="password"
            name="password"
            autocomplete="new-password"
            minLength={8}
            required
            value={password}
            onInput={({ currentTarget }) => (password.value = currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={isBusy.value}>
          Create the account
        </button>
      </form>
      <p class="trouble" role="alert">
        {why.value}
      </p>
    </section>
  )
}

/** The user's own settings. */
export const YouDialog = ({ chat, page, view }: Props) => {
  const facts = chat.facts.value
  const isLeaving = useSignal(false)
  const device = facts?.device
  return (
    <Dialog title="You" close={() => (view.dialog.value = undefined)}>
      <div class="you-window">
        <div class="me">
          <Avatar name={chat.me} />
          <div>
            <NameText name={chat.me} />
            <p class="quiet">
              {device === undefined
                ? "a guest: the name is free again when you leave"
                : `an account; this browser is its device ${device}`}
            </p>
          </div>
        </div>
        <Notifications />
        {device === undefined && facts?.accounts === "open" && <Register chat={chat} page={page} />}
        <section>
          <div class="buttons">
            <button type="button" onClick={() => (view.dialog.value = "help")}>
              Commands and keys
            </button>
            {!isLeaving.value && (
              <button
                type="button"
                class="danger"
                onClick={() => {
                  if (!chat.sending.isEmpty) isLeaving.value = true
                  else page.logOut(chat)
                }}
              >
                Log out
              </button>
            )}
          </div>
          {isLeaving.value && (
            <div class="asks">
              <span>Some of your lines are not delivered. They are lost if you log out.</span>
              <button type="button" class="danger" onClick={() => page.logOut(chat)}>
                Log out all the same
              </button>
            </div>
          )}
        </section>
      </div>
    </Dialog>
  )
}
