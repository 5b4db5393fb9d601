"use client"

import { useState } from "react"
import { runPipeline } from "@/actions/pipelines"
import { Button } from "@/components/ui/button"
import { toast } from "sonner"

export function PipelineRunner({ orgSlug, pipelineId, name }: { orgSlug: string; pipelineId: string; name: string }) {
  const [loading, setLoading] = useState(false)

  async function handleRun() {
    setLoading(true)

    const result = await runPipeline(orgSlug, pipelineId)

    if (result.success) {
      toast.success(result.message || "Pipeline started!")
    } else {
      toast.error(result.error || "Pipeline failed")
    }

    setLoading(false)
  }

  return (
    <Button onClick={handleRun} disabled={loading}>
      {loading ? "Running..." : `Run ${name}`}
    </Button>
  )
}
