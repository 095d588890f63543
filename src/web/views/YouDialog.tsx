import { type Signal, useSignal } from "@preact/signals"
import * as BrowserNotifier from "../browser/BrowserNotifier.js"
import type { Chat } from "../model/Chat.js"
import { reasonOf } from "../model/ChatState.js"
import { RequestFailed } from "../model/PageConnection.js"
import type { Page } from "../model/Page.js"
import * as Sentence from "../model/Sentence.js"
import { Dialog } from "./Dialog.js"
import { Avatar, NameText } from "./NameText.js"
import type { View } from "./View.js"

interface Props {
  readonly page: Page
  readonly chat: Chat
  readonly view: View
}

const about: Readonly<Record<BrowserNotifier.Permission, string>> = {
  on: "You are notified of direct messages, and where you are mentioned.",
  off: "This browser does not notify you.",
  denied: "The browser does not allow notifications of this site. Its settings change that.",
  unsupported: "This browser has no notifications."
}

const Notifications = () => {
  const state = useSignal(BrowserNotifier.permission())
  return (
    <section>
      <h3>Notifications</h3>
      <p class="quiet">{about[state.value]}</p>
      {state.value === "off" && (
        <button type="button" onClick={() => void BrowserNotifier.turnOn().then((now) => (state.value = now))}>
          Notify me
        </button>
      )}
      {state.value === "on" && (
        <button type="button" onClick={() => (state.value = BrowserNotifier.turnOff())}>
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
      why.value = Sentence.of(reasonOf(error))
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
        <NewPassword label="Password" name="password" password={password} />
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

interface NewPasswordProps {
  readonly label: string
  readonly name: string
  readonly password: Signal<string>
}

const NewPassword = ({ label, name, password }: NewPasswordProps) => (
  <label>
    <span>{label}, 8 characters or more</span>
    <input
      type="password"
      name={name}
      autocomplete="new-password"
      minLength={8}
      required
      value={password}
      onInput={({ currentTarget }) => (password.value = currentTarget.value)}
    />
  </label>
)

const ChangePassword = ({ chat, page }: Pick<Props, "chat" | "page">) => {
  const isOpen = useSignal(false)
  const isBusy = useSignal(false)
  const old = useSignal("")
  const password = useSignal("")
  const outcome = useSignal<{ readonly why: string } | "done" | undefined>(undefined)
  const submit = async () => {
    isBusy.value = true
    outcome.value = undefined
    try {
      await page.changePassword(chat, old.peek(), password.peek())
      outcome.value = "done"
      isOpen.value = false
    } catch (error) {
      const isWrong = error instanceof RequestFailed && error.reason === "wrong-password"
      outcome.value = { why: Sentence.of(isWrong ? "the current password is wrong" : reasonOf(error)) }
    }
    old.value = ""
    password.value = ""
    isBusy.value = false
  }
  const result = outcome.value
  return (
    <section>
      <h3>Password</h3>
      {!isOpen.value && (
        <button type="button" onClick={() => (isOpen.value = true)}>
          Change the password
        </button>
      )}
      {isOpen.value && (
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault()
            void submit()
          }}
        >
          {/* For the browser's password manager. */}
          <input type="text" name="username" autocomplete="username" value={chat.me} readOnly hidden />
          <label>
            <span>Current password</span>
            <input
              type="password"
              name="old"
              autocomplete="current-password"
              required
              value={old}
              onInput={({ currentTarget }) => (old.value = currentTarget.value)}
            />
          </label>
          <NewPassword label="New password" name="new" password={password} />
          <button type="submit" disabled={isBusy.value}>
            {isBusy.value ? "Changing…" : "Change the password"}
          </button>
        </form>
      )}
      <p class={result === "done" ? "quiet" : "trouble"} role="alert">
        {result === "done" ? "The password is changed, and your other devices are logged out." : result?.why}
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
        {device !== undefined && <ChangePassword chat={chat} page={page} />}
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
