import type { News } from "../model/ChatState.js"

/** Notifications of the system, which the user turns on with a click, and never the page by itself. */

const key = "a-chat.notifications"

/** A longer text is cut. */
const maxText = 200

export type Permission = "on" | "off" | "denied" | "unsupported"

export const permission = (): Permission => {
  if (!("Notification" in window)) return "unsupported"
  if (Notification.permission === "denied") return "denied"
  return Notification.permission === "granted" && localStorage.getItem(key) === "on" ? "on" : "off"
}

/** Asks the user, if the browser has not done so before. */
export const turnOn = async (): Promise<Permission> => {
  if (!("Notification" in window)) return "unsupported"
  if ((await Notification.requestPermission()) === "granted") localStorage.setItem(key, "on")
  return permission()
}

export const turnOff = (): Permission => {
  localStorage.removeItem(key)
  return permission()
}

/** What a notification is about. The service worker returns it when the user clicks on one of its own. */
interface NewsPlace {
  readonly user: string
  readonly conversation: string
}

const isPlace = (data: unknown): data is NewsPlace =>
  typeof data === "object" && data !== null && "user" in data && "conversation" in data

/** @param open called when the user clicks on a notification: one may be of another tab */
export const onClick = (open: (place: NewsPlace) => void): void => {
  if (!("serviceWorker" in navigator)) return
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (isPlace(data)) open(data)
  })
  navigator.serviceWorker.startMessages()
}

/**
 * @param user who is notified
 * @param open called when the user clicks on the notification, unless `onClick` learns of it
 */
export const notify = (
  { conversation, from, text }: News,
  user: string,
  open: (conversation: string) => void
): void => {
  if (permission() !== "on") return
  const title = conversation === from ? from : `${from} in ${conversation}`
  const options = { body: text.slice(0, maxText), tag: conversation, icon: "/icon.svg", data: { user, conversation } }
  try {
    const notification = new Notification(title, options)
    notification.addEventListener("click", () => {
      window.focus()
      open(conversation)
      notification.close()
    })
  } catch {
    // Browsers on phones show only those of a service worker.
    void navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, options))
  }
}
