import type { Dispatcher } from 'undici';
import { createDispatcher, type Network } from './http-connections.ts';

/**
 * The usual connections, and what the other side's clock showed with each answer: `heard` gets its `Date` header (ms
 * since the epoch, whole seconds) as the answer begins.
 */
export function networkWithDates(heard: (date: number) => void): Network {
  return (name, tls) => {
    const dispatcher = createDispatcher(name, tls);
    return {
      dispatch: (options, handler) => dispatcher.dispatch(options, listening(handler, heard)),
      destroy: () => dispatcher.destroy(),
    };
  };
}

function listening(handler: Dispatcher.DispatchHandler, heard: (date: number) => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onResponseStart(controller, status, headers, message) {
      const date = Date.parse(String(headers.date ?? ''));
      if (!Number.isNaN(date)) heard(date);
      handler.onResponseStart?.(controller, status, headers, message);
    },
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
    onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
  };
}
