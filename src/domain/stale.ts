/** A toggle that somebody should look at again, and why; at least one reason. */
export interface StaleToggle {
  readonly key: string;
  /** Undefined: nobody. */
  readonly owner: string | undefined;
  /** From the root of the checkout. */
  readonly file: string;
  readonly why: readonly StaleReason[];
}

export type StaleReason =
  | { readonly kind: 'expired'; readonly on: string }
  | { readonly kind: 'ownerless' }
  /** Older than 90 days, without a day on which it ends. */
  | { readonly kind: 'endless'; readonly created: string };
