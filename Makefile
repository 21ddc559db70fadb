# berth: `make help` says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
PREFIX  ?= /usr/local
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system
LOGINDDIR ?= $(PREFIX)/lib/systemd/logind.conf.d
# systemd looks for generators in /usr/lib, /usr/local/lib and /etc.
GENERATORDIR ?= $(PREFIX)/lib/systemd
UNITS := berth.service berth-auto-update.service berth-auto-update.timer

GO      ?= go
export CGO_ENABLED = 0
export GOFLAGS = -buildvcs=false -tags=containers_image_openpgp,exclude_graphdriver_btrfs

# Our own packages; tools are a module of their own.
PACKAGES = ./...
FILES    = $(shell git ls-files --cached --others --exclude-standard '*.go')
TOOL     = GOFLAGS= $(GO) tool -modfile=internal/tools/go.mod

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install what building, running and testing need (apt), or say what to install
	@internal/tools/deps.sh all
	@$(GO) mod download
	@cd internal/tools && GOFLAGS= $(GO) mod download

.PHONY: deps-run
deps-run:
	@internal/tools/deps.sh run

.PHONY: build
build: ## build bin/berth, one static binary
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/berth ./cmd/berth

# The demo: no registry, no network once the programs are there.
DEMO_URL := http://127.0.0.1:8080/

bin/demo-image.tar: $(wildcard docs/examples/demo-image/*.go)
	$(GO) build -trimpath -ldflags '-s -w' -o bin/demo ./docs/examples/demo-image
	$(GO) run ./internal/ociarchive/mkimage -o $@ -name localhost/berth-demo:latest -entrypoint /demo -port 8080/tcp bin/demo=/demo

.PHONY: demo
demo: deps-run build bin/demo-image.tar ## play docs/examples/demo.yaml and fetch its page
	bin/berth load -i bin/demo-image.tar
	bin/berth kube play docs/examples/demo.yaml
	bin/berth pod ps
	@echo "$$ curl $(DEMO_URL)"
	@curl -fsS --retry 20 --retry-delay 1 --retry-all-errors $(DEMO_URL)
	@echo; echo "It goes on running: make demo-down ends it. The visits are kept on its volume."

.PHONY: demo-down
demo-down: ## end the demo; its volume stays
	bin/berth kube down docs/examples/demo.yaml

.PHONY: check
check: format vet lint unit ## what to run before a commit: format, vet, lint, unit tests

.PHONY: format
format: ## fail on files that goimports would change (make fmt changes them)
	@changed=$$($(TOOL) goimports -local berth -l $(FILES)); \
	[ -z "$$changed" ] || { echo "not formatted, run make fmt:"; echo "$$changed"; exit 1; }

.PHONY: fmt
fmt: ## format every file
	$(TOOL) goimports -local berth -w $(FILES)

.PHONY: vet
vet:
	$(GO) vet $(PACKAGES)

.PHONY: lint
lint:
	$(TOOL) staticcheck -tags containers_image_openpgp,exclude_graphdriver_btrfs -checks 'all,-ST1000' $(PACKAGES)

.PHONY: unit
unit:
	CGO_ENABLED=1 $(GO) test -race $(filter-out berth/e2e,$(shell $(GO) list $(PACKAGES)))

.PHONY: test
test: check e2e ## check, then the end-to-end tests (as root)

S ?= *
.PHONY: e2e
e2e: build ## end-to-end tests on test hosts; make e2e S=name runs one
	BERTH_E2E_BINARY=$(CURDIR)/bin/berth $(GO) test ./e2e -count=1 -parallel 2 -timeout 45m $(if $(V),-v) -script '$(S)'

.PHONY: bench
bench: build ## measure against the raw helpers, and podman where it is installed; PODMAN=1: the one make deps unpacked
	BERTH_E2E_BINARY=$(CURDIR)/bin/berth $(GO) run ./e2e/bench $(if $(PODMAN),-podman)

.PHONY: install
install: ## install berth, its completions, units and Quadlet generators under PREFIX
	@test -x bin/berth || $(MAKE) build
	install -D -m 755 bin/berth $(DESTDIR)$(PREFIX)/bin/berth
	install -d -m 755 $(DESTDIR)/etc/berth/manifests $(DESTDIR)/etc/berth/quadlet
	install -d -m 755 $(DESTDIR)$(GENERATORDIR)/system-generators $(DESTDIR)$(GENERATORDIR)/user-generators
	ln -sfn $(PREFIX)/bin/berth $(DESTDIR)$(GENERATORDIR)/system-generators/berth-system-generator
	ln -sfn $(PREFIX)/bin/berth $(DESTDIR)$(GENERATORDIR)/user-generators/berth-user-generator
	install -D -m 644 docs/systemd/podman-user-wait-network-online.service -t $(DESTDIR)$(GENERATORDIR)/user
	install -d -m 755 $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do \
		sed 's|@BINDIR@|$(PREFIX)/bin|g' docs/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -D -m 644 docs/systemd/logind.conf $(DESTDIR)$(LOGINDDIR)/berth.conf
	install -d -m 755 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	bin/berth completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	@echo "To have berth start at boot: systemctl enable --now berth.service"

.PHONY: uninstall
uninstall: ## remove what install brought; manifests, unit files and pods stay
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now berth.service berth-auto-update.timer 2>/dev/null || true; fi
	rm -f $(DESTDIR)$(PREFIX)/bin/berth $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS)) $(DESTDIR)$(LOGINDDIR)/berth.conf $(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
	rm -f $(DESTDIR)$(GENERATORDIR)/system-generators/berth-system-generator $(DESTDIR)$(GENERATORDIR)/user-generators/berth-user-generator
	rm -f $(DESTDIR)$(GENERATORDIR)/user/podman-user-wait-network-online.service
	@rmdir $(DESTDIR)/etc/berth/manifests $(DESTDIR)/etc/berth/quadlet $(DESTDIR)/etc/berth 2>/dev/null || true
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
