import type { ButtonHTMLAttributes } from "react"

/** Stands for the button of your component library. */
export function Button(props: ButtonHTMLAttributes<HTMLButtonElement>) {
  return <button type="button" {...props} />
}
