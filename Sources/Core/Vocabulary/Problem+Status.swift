extension Problem.Code {
    /// The one table from codes to HTTP statuses.
    package var httpStatus: Int {
        switch self {
        case .validation: 400
        case .unauthorized: 401
        case .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .conflict: 409
        case .preconditionFailed: 412
        case .payloadTooLarge: 413
        case .uriTooLong: 414
        case .unsupportedMediaType: 415
        case .rateLimited: 429
        case .headersTooLarge: 431
        case .internalError, .engine, .storage, .responseTooLarge: 500
        case .notImplemented: 501
        case .unavailable, .circuitOpen: 503
        case .timeout: 504
        }
    }
}
